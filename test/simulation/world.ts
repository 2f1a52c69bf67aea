/**
 * Simulated world: executes the events of a history and their consequences. It has this host with
 * its disk, daemon, sm-notify, lock managers and rpcbind, the name service, the network, and the
 * peers. All delays, losses and choices are rolled by the dice; time, input and output are
 * simulated.
 */

import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { decodeReply, encodeCall } from "../support/rpc_messages.ts";
import type { Args, Result } from "../../lib/rpc/program.ts";
import type { StatdSettings } from "../../lib/config/settings.ts";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { nameKey } from "../../lib/nsm/host_name.ts";
import { announcementsOf } from "../../lib/nsm/notify/notify_list.ts";
import type { CalloutResult } from "../../lib/platform/callout.ts";
import { storedNumber } from "../../lib/store/state_file.ts";
import { FakeRpcbind } from "../support/fake_rpcbind.ts";
import { FragileDisk, PowerCut } from "../support/fragile_disk.ts";
import { Agenda, TURNS_TO_REST } from "./agenda.ts";
import { CallbackLedger, listKey, type Sent } from "./callbacks.ts";
import { Dice } from "./dice.ts";
import { type Event, type History, type LiveSettings, REQUESTERS } from "./history.ts";
import { HOSTS, NameService, OWN_NAME, synonymsOf } from "./names.ts";
import { type Arrived, callsFrom, type Reaction } from "./network.ts";
import { FileLocks, Process, RunOnceLock } from "./process.ts";
import { type Moved, recordKey, Registrations } from "./registrations.ts";
import { notify, prepare, type SmNotifyParts, smNotifySettings } from "./sm_notify.ts";
import { Statd, statdSettings, STATE_DIRECTORY } from "./statd.ts";
import { Trace, tracedLog } from "./trace.ts";
import { type Invariant, Violation } from "./violation.ts";

type Rows = typeof nsmV1.procedures;

/** Start of the simulated wall clock, in ms since 1970. */
const EPOCH = Date.UTC(2026, 0, 1);
const LOCK_MANAGER = 100021;
const CALLBACK_PROCEDURE = 16;
const RPCBIND_PORT = 111;
const NSM_PORTS = { udp: 900, tcp: 901 } as const;
const LOCAL = { address: "127.0.0.1", port: 700, netid: "udp", isLocal: true } as const;

/**
 * Longest time until a call is answered, in ms: a callout of 5 s waits for up to 64 others, of which
 * four run at a time, and SM_UNMON_ALL has one for each registration.
 */
const ANSWER_MAX_MS = 600_000;
/** Longest duration of a stop, in ms. */
const STOP_MAX_MS = 10_000;
/** Delay before the unit restarts a program, in ms. */
const RESTART_MS = 2_000;
const NOTIFIER_RESTART_MS = 30_000;
/** Ends of a callout. */
const CALLOUT_RESULTS: readonly CalloutResult[] = [
  { outcome: "exited", status: 0 },
  { outcome: "exited", status: 0 },
  { outcome: "exited", status: 1 },
  { outcome: "killed", signal: "SIGKILL" },
  { outcome: "timeLimit", timeoutMs: 10_000 },
  { outcome: "notStarted", reason: "Resource temporarily unavailable (os error 11)" },
];
/** Time without faults at the end, in ms: longer than every back-off and every run of sm-notify. */
const CALM_MS = 45 * 60_000;
/** Time for the last removals, in ms. */
const TIDY_MS = 65 * 60_000;
/** Attempts of a peer's sm-notify, and its first pause, which doubles. */
const ANNOUNCEMENTS = 8;
const ANNOUNCEMENT_PAUSE_MS = 2_000;
/** Attempts of a lock manager's call. */
const CALLS = 3;
const CALL_PAUSE_MS = 2_000;
/** Files with what is known about peers. */
const MEMORY_FILES = [`${STATE_DIRECTORY}/sm/.peers`, `${STATE_DIRECTORY}/sm/.notices`];
/** Maximum time for which learned facts that the disk refused are in memory only, in ms. */
const MEMORY_RETRY_MS = 15_000;

interface Peer {
  state: number;
  downUntil: number;
  fault: "nsm" | "rpcbind" | "unreachable";
}

/** A call to the daemon without a reply yet. */
interface Outstanding {
  readonly name: string;
  readonly since: number;
  readonly changes: boolean;
}

export class World {
  readonly agenda = new Agenda();
  readonly trace: Trace;
  readonly #history: History;
  readonly #dice: Dice;
  /** Settings in effect. */
  #live: LiveSettings;
  #settings: StatdSettings;
  readonly #names: NameService;
  readonly #registrations = new Registrations();
  readonly #callbacks: CallbackLedger;
  readonly #locks = new FileLocks();
  readonly #peers: Peer[] = HOSTS.map((_, i) => ({
    state: 11 + 2 * i,
    downUntil: 0,
    fault: "nsm",
  }));
  readonly #rpcbind: FakeRpcbind;
  /** Process that connects to rpcbind now. */
  #connecting: Process | undefined;
  #disk = new FragileDisk(
    [STATE_DIRECTORY, `${STATE_DIRECTORY}/sm`, `${STATE_DIRECTORY}/sm.bak`],
  );
  #boot = 0;
  #isOff = true;
  #runOnce = new RunOnceLock();
  #statd: Statd | undefined;
  #statdProcess: Process | undefined;
  readonly #notifiers = new Set<Process>();
  /** Running foregrounds of sm-notify, and whether one has run since the last check. */
  readonly #preparing = new Set<Process>();
  #hasPrepared = false;
  /** Disk changes until the next sm-notify is killed. */
  #nextNotifierChanges = Infinity;
  #lockManagerPort = 4001;
  #lockManagerDownUntil = 0;
  /** End of the last period in which the disk may have refused an operation. */
  #faultyUntil = -Infinity;
  /** End of the last one that may have concerned what is known about peers. */
  #forgetfulUntil = -Infinity;
  readonly #outstanding = new Set<Outstanding>();
  /** Largest number acknowledged, by host and name. */
  readonly #told = new Map<string, number>();
  /** Largest number announced. */
  #numberTold = 0;
  /** Largest number announced before that, and the time of the change. */
  #numberBefore = 0;
  #numberChangedAt = -1;
  /** Set if the disk may have refused a number for good, which sm-notify reports without waiting. */
  #mayNumberGoBack = false;
  #wasCrashSimulated = false;
  /** Error of the wall clock, in ms. */
  #clockErrorMs = 0;
  /** Set once all faults have ended. */
  #isCalm = false;
  #failure: Violation | undefined;
  /** Set if the disk has to be checked for another reason than a change of it. */
  #isDirty = true;
  #journalLength = 0;
  /** Last text read from the file `state`, and its number. */
  #stateText: string | undefined;
  #stored: number | undefined;

  constructor(history: History, isTraced = false) {
    this.#history = history;
    this.#live = history.settings;
    this.#settings = settingsOf(history.settings);
    this.trace = new Trace(this.agenda, isTraced);
    this.#dice = new Dice(history.seed);
    this.#disk.namesWithFiles = history.settings.syncsNames;
    this.#disk.now = this.#wallClock;
    this.#names = new NameService(this.#dice);
    this.#callbacks = new CallbackLedger(
      () => this.#live.sourceCheck === "enforce",
      () => this.agenda.turns,
      () => this.agenda.now,
      () => this.#names.answers,
    );
    this.#registrations.onMoved = (record) => {
      const key = listKey(record);
      this.#callbacks.moved(key, this.#statd === undefined || this.#listed(key) !== undefined);
    };
    const clock = () => this.#connecting!.clock;
    this.#rpcbind = new FakeRpcbind({
      now: () => this.agenda.now,
      wallClock: () => this.agenda.now,
      get startTimer() {
        return clock().startTimer;
      },
      afterTurn: (action) => clock().afterTurn(action),
    });
  }

  /** Runs the history. @throws {Violation} */
  async run(): Promise<void> {
    const { events } = this.#history;
    const { agenda } = this;
    agenda.after(0, () => this.#bootUp());
    for (const event of events) {
      agenda.after(event.at, () => this.#happens(event), event.turns ?? TURNS_TO_REST);
    }
    const end = (events.at(-1)?.at ?? 0) + 1;
    await agenda.run(end, this.#check);
    this.#heal();
    await agenda.run(end + CALM_MS, this.#check);
    this.#checkCalm();
    agenda.after(0, () => this.#forgetAll());
    await agenda.run(end + CALM_MS + TIDY_MS, this.#check);
    this.#checkTidy();
    this.#stopStatd();
    await agenda.run(agenda.now + 2 * STOP_MAX_MS, this.#check);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** First violation. */
  get failure(): Violation | undefined {
    return this.#failure;
  }

  /** Notes a violation; the first one counts. */
  fail(invariant: Invariant, detail: string): void {
    this.#failed(new Violation(invariant, detail));
  }

  #failed(error: unknown): void {
    if (this.#failure !== undefined) return;
    if (!(error instanceof Violation)) throw error;
    this.trace.note(`VIOLATION ${error.message}`);
    this.#failure = error;
  }

  /** Notes an uncaught error or rejection. */
  uncaught = (error: unknown): void => {
    if (isOfDeath(error)) return;
    if (error instanceof Violation) return this.#failed(error);
    this.fail("unhandled", error instanceof Error ? error.stack ?? String(error) : String(error));
  };

  #happens(event: Event): void {
    this.trace.note(`EVENT ${JSON.stringify(event)}`);
    switch (event.kind) {
      case "mon":
        return this.#mon(event.peer, event.by, event.cookie);
      case "unmon":
        return this.#unmon(event.peer, event.by);
      case "unmonAll":
        return this.#unmonAll(event.by);
      case "stat":
        return this.#stat();
      case "simuCrash":
        return this.#simuCrash();
      case "reboots": {
        const peer = this.#peers[event.host]!;
        peer.state += 2;
        return this.#announce(event.host, event.as, event.from, peer.state, 0);
      }
      case "notice": {
        const state = this.#peers[event.host]!.state - 2 * event.ago;
        return this.#notice(event.as, event.from, state, () => {});
      }
      case "forget":
        return this.#forget(event.also === undefined ? [event.peer] : [event.peer, event.also]);
      case "declare":
        return this.#declare(event.peer);
      case "register":
        return this.#control("register", { command: "register" });
      case "killStatd":
        return kill(this.#statdProcess, event.changes);
      case "stopStatd":
        return this.#stopStatd();
      case "user1":
        return void this.#statd?.notifyPeers();
      case "reload":
        this.#live = event;
        this.#settings = settingsOf(event);
        if (event.sourceCheck === "enforce") this.#callbacks.enforced();
        return;
      case "clock":
        this.#clockErrorMs = event.errorMs;
        return;
      case "killNotifier":
        if (this.#notifiers.size === 0) this.#nextNotifierChanges = event.changes;
        for (const process of this.#notifiers) kill(process, event.changes);
        return;
      case "powerCut":
        if (event.changes === 0) return this.#cutPower();
        if (!this.#isOff) this.#disk.powerLasts = event.changes;
        return;
      case "names":
        this.#names.mode = event.mode;
        this.#later(event.ms, () => this.#names.mode = "quick");
        return;
      case "rpcbind":
        this.#rpcbind.stop();
        this.#later(event.ms, () => this.#rpcbind.isUp = true);
        return;
      case "lockd":
        this.#lockManagerDownUntil = this.agenda.now + event.ms;
        if (event.moves) this.#lockManagerPort += 10;
        return;
      case "peer":
        Object.assign(this.#peers[event.host]!, {
          downUntil: this.agenda.now + event.ms,
          fault: event.fault,
        });
        return;
      case "disk": {
        const { operation, reason, path } = event;
        const until = this.agenda.now + event.ms;
        this.#faultyUntil = Math.max(this.#faultyUntil, until + MEMORY_RETRY_MS);
        const isForgetful = MEMORY_FILES.some((file) => file.includes(path));
        if (isForgetful) this.#forgetfulUntil = this.#faultyUntil;
        this.#disk.fault = (tried, where) =>
          this.agenda.now < until && tried === operation && where.includes(path)
            ? new Error(reason)
            : undefined;
      }
    }
  }

  #later(ms: number, action: () => void): void {
    this.agenda.after(ms, action);
  }

  readonly #wallClock = (): number => EPOCH + Math.floor(this.agenda.now) + this.#clockErrorMs;

  #spawn(name: string): Process {
    const process = new Process(
      name,
      this.agenda,
      (ended) => {
        this.trace.note(`${ended.name} has ended`);
        this.#isDirty = true;
        if (ended === this.#statdProcess) this.#statdEnded();
        this.#notifiers.delete(ended);
        this.#running.delete(ended);
        if (this.#preparing.delete(ended)) this.#hasPrepared = true;
      },
      this.uncaught,
      this.#wallClock,
    );
    return process;
  }

  #callsFrom(process: Process) {
    const { loss, duplicates } = this.#history.settings;
    return callsFrom(process, {
      dice: this.#dice,
      loss: () => this.#isCalm ? 0 : loss,
      duplicates: () => this.#isCalm ? 0 : duplicates,
      serve: (call) => this.#serve(call),
      leaves: (from, call) => this.#leaves(from, call),
    });
  }

  // This host: boots, daemon and sm-notify.

  #bootUp(): void {
    this.#isOff = false;
    this.#boot++;
    this.#runOnce = new RunOnceLock();
    this.#rpcbind.isUp = true;
    this.trace.note(`BOOT ${this.#boot}`);
    this.#startStatd();
  }

  #cutPower(): void {
    if (this.#isOff) return;
    this.#isOff = true;
    this.trace.note("POWER CUT");
    this.#outstanding.clear();
    this.#statdProcess = undefined;
    const statd = this.#statd;
    this.#statd = undefined;
    statd?.process.end();
    for (const process of this.#running) process.end();
    this.#running.clear();
    this.#rpcbind.stop();
    this.#disk = this.#disk.afterPowerCut(() => this.#dice.chance("power cut", 0.5));
    this.#faultyUntil = this.#forgetfulUntil = -Infinity;
    if (this.#mayNumberGoBack) {
      this.#numberTold = Math.min(this.#numberTold, this.#stateNumber ?? 0);
      this.#registrations.numberWentBack(this.#numberTold);
      this.#mayNumberGoBack = false;
    }
    const lists = this.#registrations.read(this.#disk.texts());
    try {
      this.#registrations.settle(lists, this.#mayMove, true);
    } catch (error) {
      this.#failed(error);
    }
    this.#registrations.loaded(lists);
    this.#registrations.rebooted(lists);
    this.#callbacks.rebooted();
    this.agenda.after(this.#dice.delay("boot", 1_000, 5_000), () => this.#bootUp());
  }

  /** All live processes. */
  readonly #running = new Set<Process>();

  async #startStatd(): Promise<void> {
    if (this.#isOff) return;
    const process = this.#spawn("rpc.statd");
    this.#running.add(process);
    this.#statdProcess = process;
    const log = tracedLog(this.trace, process);
    if (this.agenda.now < this.#faultyUntil) {
      // Records unreadable at the start stay in place.
      this.#registrations.forgotten();
      this.#callbacks.unread(this.#keysOnDisk, this.agenda.now < this.#forgetfulUntil);
    }
    try {
      const statd = await Statd.start({
        process,
        disk: this.#disk,
        settings: () => this.#settings,
        names: this.#names,
        callPeer: this.#callsFrom(process),
        connectRpcbind: () => {
          if (process.isDead) return new Promise(() => {});
          this.#connecting = process;
          return this.#rpcbind.connect();
        },
        runProgram: () => this.#callout(process),
        log,
        notifyPeers: async () => void await this.#runNotifier(),
      });
      if (process.isDead) return;
      this.#statd = statd;
      const listed = Array.from(statd.monitor.list.all(), ({ record }) => listKey(record));
      const { directory } = statd.monitor;
      const unread = this.agenda.now < this.#faultyUntil ? this.#keysOnDisk : [];
      this.#callbacks.loaded(
        new Set([...listed, ...unread]),
        (name) => {
          const news = directory.remembered(name);
          return news?.isOwed
            ? [news.lastState, ...news.first === undefined ? [] : [news.first]]
            : [];
        },
      );
      if (this.agenda.now >= this.#faultyUntil) {
        this.#registrations.loaded(this.#registrations.read(this.#disk.texts()));
      } else this.#registrations.forgotten();
      this.trace.note(`rpc.statd serves ${statd.monitor.list.size} registrations`);
    } catch (error) {
      if (error instanceof Violation) return this.#failed(error);
      this.trace.note(`rpc.statd does not start: ${error}`);
      process.end();
    }
  }

  /** Keys of the registrations whose records are on disk. */
  get #keysOnDisk(): Set<string> {
    const { monitored } = this.#registrations.read(this.#disk.texts());
    return new Set(
      Array.from(monitored.keys(), (key) => listKey(this.#registrations.recordOf(key))),
    );
  }

  #statdEnded(): void {
    const wasKilled = this.#statdProcess?.wasKilled === true;
    this.#statdProcess = undefined;
    const isStopped = this.#statd?.isStopping === true && !wasKilled;
    this.#statd = undefined;
    this.#outstanding.clear();
    if (this.#disk.powerLasts < 0) return; // the power cut settles it
    try {
      this.#registrations.settle(
        this.#registrations.read(this.#disk.texts()),
        this.#mayMove,
        false,
      );
    } catch (error) {
      this.#failed(error);
    }
    if (!isStopped) this.#callbacks.crashed();
    if (this.agenda.now < this.#faultyUntil) this.#callbacks.forgotten();
    const boot = this.#boot;
    this.agenda.after(this.#dice.delay("restart", 100, RESTART_MS), () => {
      if (boot === this.#boot && this.#statdProcess === undefined) void this.#startStatd();
    });
  }

  #stopStatd(): void {
    const statd = this.#statd;
    if (statd === undefined || statd.isStopping) return;
    // The memory of a peer is shared by all its requesters.
    if (statd.monitor.announcer.pending > 0) this.#callbacks.crashed();
    let isOver = false;
    this.agenda.after(STOP_MAX_MS, () => {
      if (!isOver && !statd.process.isDead) this.fail("stops", "rpc.statd goes on after SIGTERM");
    });
    void statd.stop(() => {
      if (statd.monitor.announcer.pending > 0) this.#callbacks.crashed();
    }).then(() => {
      isOver = true;
      statd.process.end();
    }, this.uncaught);
  }

  /** Runs the HA callout. */
  #callout(process: Process): Promise<CalloutResult> {
    const { calloutMs = 0 } = this.#live;
    const ms = this.#dice.delay("callout", calloutMs / 2, calloutMs);
    return process.receive(ms, () => this.#dice.one("callout", CALLOUT_RESULTS));
  }

  /** Runs sm-notify; resolves to the exit status of its foreground. */
  async #runNotifier(): Promise<number> {
    if (this.#isOff) return 1;
    const { settings } = this.#history;
    const process = this.#spawn("sm-notify");
    this.#notifiers.add(process);
    this.#running.add(process);
    process.changesLeft = this.#nextNotifierChanges;
    this.#nextNotifierChanges = Infinity;
    const boot = this.#boot;
    const parts: SmNotifyParts = {
      disk: this.#disk,
      settings: smNotifySettings(...(settings.hasOwnName ? ["-v", OWN_NAME] : [])),
      names: this.#names,
      locks: this.#locks,
      callPeer: this.#callsFrom(process),
      bootId: `boot-${boot}`,
      lock: this.#runOnce.lockFor(process),
      random: () => this.#dice.roll("notifier"),
      log: tracedLog(this.trace, process),
    };
    const again = () => {
      if (boot !== this.#boot) return;
      this.agenda.after(NOTIFIER_RESTART_MS, () => {
        if (boot === this.#boot) void this.#runNotifier();
      });
    };
    let prepared;
    this.#preparing.add(process);
    try {
      prepared = await Promise.race([prepare(process, parts), process.ended.then(() => 1)]);
    } catch (error) {
      this.trace.note(`sm-notify: ${error}`);
      prepared = 1;
    }
    this.#preparing.delete(process);
    this.#hasPrepared = true;
    if (typeof prepared === "number" || process.isDead) {
      if (process.isDead || prepared !== 0) again();
      process.end();
      return process.isDead ? 1 : 0;
    }
    const { stateNumber } = prepared.prepared;
    this.#numberIsTold(stateNumber);
    // Records that could not be read or removed are left to the next start.
    let hasToRunAgain = false;
    void notify(process, prepared, parts).then(({ status, isWhole }) => {
      if (process.isDead) return;
      this.trace.note(`sm-notify ends with status ${status}`);
      hasToRunAgain = !isWhole;
      process.end();
    }, this.uncaught);
    const watch = () => {
      if (boot !== this.#boot) return;
      if (!process.isDead) this.agenda.after(NOTIFIER_RESTART_MS, watch);
      else if (process.wasKilled || hasToRunAgain) void this.#runNotifier();
    };
    this.agenda.after(NOTIFIER_RESTART_MS, watch);
    return 0;
  }

  // Calls to the daemon.

  #call<K extends keyof Rows & string>(
    name: K,
    args: Args<Rows[K]>,
    parts: {
      readonly caller?: { address: string; port: number; netid: "udp"; isLocal: boolean };
      readonly changes?: boolean;
      readonly arrives?: () => void;
      readonly replies: (result: Result<Rows[K]> | undefined) => void;
    },
  ): void {
    const statd = this.#statd;
    if (statd === undefined || statd.isStopping) return;
    const { caller = LOCAL, changes = false, arrives, replies } = parts;
    arrives?.();
    const call: Outstanding = { name, since: this.agenda.now, changes };
    this.#outstanding.add(call);
    this.#isDirty = true;
    const answered = (reply: Uint8Array | undefined) => {
      if (statd.process.isDead) return;
      this.#isDirty = true;
      this.#outstanding.delete(call);
      if (reply === undefined) return this.trace.note(`${name} is not answered`);
      const decoded = decodeReply(nsmV1.procedures[name], reply);
      const result = decoded.ok ? decoded.result as Result<Rows[K]> : undefined;
      this.trace.note(`${name} is answered: ${decoded.ok ? JSON.stringify(result) : "failure"}`);
      try {
        replies(decoded.ok ? result ?? (null as never) : undefined);
      } catch (error) {
        this.#failed(error);
      }
    };
    try {
      const reply = statd.monitor.respond(encodeCall(nsmV1, name, args, 1), caller);
      if (reply instanceof Promise) void reply.then(answered, this.uncaught);
      else answered(reply);
    } catch (error) {
      this.uncaught(error);
    }
  }

  /** Call of a lock manager on this host, which may be lost or duplicated. */
  #local(send: (answered: () => void) => void, attempt = 0): void {
    const { loss, duplicates } = this.#history.settings;
    const label = "lock manager";
    let isAnswered = false;
    const answered = () => isAnswered = true;
    if (!this.#dice.chance(label, loss)) send(answered);
    if (this.#dice.chance(label, duplicates)) {
      this.#later(this.#dice.delay(label, 0, 500), () => send(answered));
    }
    if (attempt + 1 === CALLS) return;
    this.#later(CALL_PAUSE_MS, () => {
      if (!isAnswered) this.#local(send, attempt + 1);
    });
  }

  #mon(peer: string, by: number, cookie: number): void {
    const priv = (by << 24 | cookie << 16 | hashOf(peer)).toString(16).padStart(8, "0").repeat(4);
    const record = recordOf(peer, by, priv);
    const key = listKey(record);
    this.#local((received) => {
      let change: ReturnType<Registrations["arrived"]>;
      let copy: ReturnType<Registrations["arrived"]> | undefined;
      let others: readonly MonitorRecord[];
      let removals: ReturnType<Registrations["arrived"]>;
      let arrived = 0;
      let isRepeated = false;
      let isNew = false;
      this.#call("SM_MON", { mon_id: monId(record), priv: Uint8Array.fromHex(priv) }, {
        changes: true,
        arrives: () => {
          const before = this.#listed(key);
          isRepeated = before?.priv === priv && before.monName === peer &&
            before.myName === record.myName;
          const stored = this.#storable((one) => listKey(one) === key);
          const { monitored } = this.#registrations.read(this.#disk.texts());
          isNew = before === undefined && !stored.some((one) => monitored.has(recordKey(one)));
          // Replaces a registration in another spelling.
          const replaced = before !== undefined &&
            recordKey(before) !== recordKey(record);
          if (replaced) this.#replaced = this.#registrations.arrived([before]);
          // A record in this spelling, dropped by SM_SIMU_CRASH, is a copy that is removed first.
          copy = replaced ? this.#registrations.arrived([record]) : undefined;
          // So are those in spellings that neither this call nor the list has.
          const spellings = [before, record].map((one) => one && recordKey(one));
          others = stored.filter((one) => !spellings.includes(recordKey(one)));
          removals = this.#registrations.arrived(others);
          change = this.#registrations.arrived([record], priv, this.#stateNumber ?? 0);
          arrived = this.#callbacks.monArrived(record);
          const other = this.#replaced;
          this.#replaced = undefined;
          if (other !== undefined) this.#replacements.set(change, { other, record: before! });
        },
        replies: (result) => {
          received();
          const isDone = result?.res_stat === 0;
          const replacement = this.#replacements.get(change);
          if (replacement !== undefined) {
            const { other, record } = replacement;
            this.#registrations.replied([record], other, isDone);
          }
          if (result !== undefined && isDone) this.#numberSeen(result.state);
          if (copy !== undefined) this.#registrations.replied([record], copy, false);
          this.#registrations.replied(others, removals, isDone);
          if (isDone) this.#registrations.replaced(others, removals);
          this.#registrations.replied([record], change, isDone);
          if (!isDone) return;
          this.#callbacks.monAcknowledged(record, arrived, { isRepeated, isNew });
          this.#checkDisk();
        },
      });
    });
  }

  #replaced: ReturnType<Registrations["arrived"]> | undefined;
  readonly #replacements = new Map<
    ReturnType<Registrations["arrived"]>,
    { other: ReturnType<Registrations["arrived"]>; record: MonitorRecord }
  >();

  /** Registration with this key on the list in memory. */
  #listed(key: string): MonitorRecord | undefined {
    for (const { record } of this.#statd?.monitor.list.all() ?? []) {
      if (listKey(record) === key) return record;
    }
    return undefined;
  }

  /** Records that are on disk, or may be soon. An interrupted move leaves records on both lists. */
  #storable(isMeant: (record: MonitorRecord) => boolean): MonitorRecord[] {
    const { monitored } = this.#registrations.read(this.#disk.texts());
    const keys = [...new Set([...this.#registrations.keys, ...monitored.keys()])];
    return keys.map((key) => this.#registrations.recordOf(key)).filter(isMeant);
  }

  /** Removes registrations by a call, on the list or possibly on disk. */
  #remove(isMeant: (record: MonitorRecord) => boolean) {
    const records = this.#storable(isMeant);
    const lists = [...new Set(this.#registrations.all.filter(isMeant).map(listKey))];
    let change: ReturnType<Registrations["arrived"]>;
    let ordinals: number[];
    let listed: boolean[];
    return {
      arrives: () => {
        listed = lists.map((key) => this.#listed(key) !== undefined);
        const isListed = (record: MonitorRecord) => this.#listed(listKey(record)) !== undefined;
        change = this.#registrations.removalArrived(records, isListed);
        ordinals = lists.map((key) => this.#callbacks.removalArrived(key));
      },
      replied: (isDone: boolean) => {
        // Records missing in memory stay on disk: they were moved or dropped.
        this.#registrations.replied(records, change, isDone);
        if (!isDone) return;
        for (const [i, key] of lists.entries()) {
          // Records dropped by SM_SIMU_CRASH are still on disk, and on the list of the next life.
          if (listed[i]) this.#callbacks.removalAcknowledged(key, ordinals[i]!);
        }
        this.#checkDisk();
      },
    };
  }

  #unmon(peer: string, by: number): void {
    const record = recordOf(peer, by, "");
    this.#local((received) => {
      const { arrives, replied } = this.#remove((other) => listKey(other) === listKey(record));
      this.#call("SM_UNMON", monId(record), {
        changes: true,
        arrives,
        replies: (result) => {
          received();
          if (result !== undefined) this.#numberSeen(result.state);
          replied(result !== undefined);
        },
      });
    });
  }

  #unmonAll(by: number): void {
    const requester = recordOf("", by, "");
    this.#local((received) => {
      const { arrives, replied } = this.#remove((other) =>
        listKey({ ...other, monName: "" }) === listKey(requester)
      );
      this.#call("SM_UNMON_ALL", monId(requester).my_id, {
        changes: true,
        arrives,
        replies: (result) => {
          received();
          replied(result !== undefined);
        },
      });
    });
  }

  #stat(): void {
    this.#call("SM_STAT", { mon_name: "anybody" }, {
      replies: (result) => {
        if (result !== undefined) this.#numberSeen(result.state);
      },
    });
  }

  #simuCrash(): void {
    this.#call("SM_SIMU_CRASH", undefined, {
      arrives: () => {
        this.#wasCrashSimulated = true;
        this.#registrations.forgotten();
        this.#callbacks.crashSimulated();
      },
      replies: () => {},
    });
  }

  /** Announcement by a peer's sm-notify, repeated until answered. */
  #announce(host: number, as: string, from: string, state: number, attempt: number): void {
    if (attempt === ANNOUNCEMENTS || this.#peers[host]!.state !== state) return;
    let isAnswered = false;
    // The peer first asks rpcbind for our port.
    if (this.#rpcbind.isUp && this.#rpcbind.portOf("udp") !== 0) {
      this.#notice(as, from, state, () => isAnswered = true);
    }
    this.#later(ANNOUNCEMENT_PAUSE_MS * 2 ** attempt, () => {
      if (!isAnswered) this.#announce(host, as, from, state, attempt + 1);
    });
  }

  #notice(as: string, address: string, state: number, received: () => void): void {
    const { loss, duplicates } = this.#history.settings;
    const label = `notice from ${address}`;
    const arrive = () => {
      let announced: ReturnType<CallbackLedger["noticeArrived"]>;
      this.#call("SM_NOTIFY", { mon_name: as, state }, {
        caller: { address, port: 700, netid: "udp", isLocal: false },
        arrives: () => announced = this.#callbacks.noticeArrived(as, address, state),
        replies: (result) => {
          if (result === undefined) return;
          this.#callbacks.noticeAnswered(announced);
          if (!this.#dice.chance(label, loss)) received();
        },
      });
    };
    if (!this.#dice.chance(label, loss)) arrive();
    if (this.#dice.chance(label, duplicates)) {
      this.#later(this.#dice.delay(label, 0, 5_000), arrive);
    }
  }

  // Requests of nsmctl.

  #control(name: string, request: Parameters<Statd["control"]>[0], replies = (_: boolean) => {}) {
    const statd = this.#statd;
    if (statd === undefined || statd.isStopping) return;
    const call: Outstanding = { name, since: this.agenda.now, changes: name === "forget" };
    this.#outstanding.add(call);
    statd.control(request).then(({ ok }) => {
      this.#isDirty = true;
      if (statd.process.isDead) return;
      this.#outstanding.delete(call);
      this.trace.note(`${name} is answered: ${ok}`);
      replies(ok);
    }, (error) => {
      this.#outstanding.delete(call);
      this.trace.note(`${name} has failed: ${error}`);
      if (!statd.process.isDead) replies(false);
    }).catch((error) => this.#failed(error));
  }

  #forget(peers: readonly string[]): void {
    if (this.#statd === undefined || this.#statd.isStopping) return;
    const wanted = new Set(peers.map(nameKey));
    const { arrives, replied } = this.#remove(({ monName }) => wanted.has(nameKey(monName)));
    arrives();
    this.#control("forget", { command: "forget", peers, by: "root" }, replied);
  }

  #declare(peer: string): void {
    if (this.#statd === undefined || this.#statd.isStopping) return;
    this.#callbacks.declared(peer);
    this.#control("declare", { command: "declareRebooted", peer, by: "root" });
  }

  // Servers.

  #leaves(process: Process, call: Arrived): () => void {
    const { procedure, version, args, to } = call;
    if (procedure === "NLM_SM_NOTIFY") {
      const { mon_name, state, priv } = args as {
        mon_name: string;
        state: number;
        priv: Uint8Array;
      };
      this.trace.note(`callback of ${mon_name} version ${version}: state ${state}`);
      let sent: Sent | undefined;
      try {
        sent = this.#callbacks.sent(mon_name, version, priv.toHex(), state);
        this.#sent.set(call, sent);
      } catch (error) {
        this.#failed(error);
      }
      return () => {
        this.trace.note(`callback of ${mon_name} version ${version}: state ${state} is answered`);
        try {
          if (sent !== undefined) this.#callbacks.done(sent);
        } catch (error) {
          this.#failed(error);
        }
      };
    }
    if (procedure !== "SM_NOTIFY" || process.name !== "sm-notify") return () => {};
    const { mon_name, state } = args as { mon_name: string; state: number };
    // If the note of a run is unreadable, a second run may be active with its own number.
    if (this.#faultyUntil === -Infinity) this.#numberSeen(state);
    return () => {
      const host = HOSTS.findIndex(({ addresses }) => addresses.includes(to.address));
      const key = `${host} ${nameKey(mon_name)}`;
      this.trace.note(`${to.address} was told of ${mon_name} state ${state}`);
      this.#told.set(key, Math.max(state, this.#told.get(key) ?? 0));
    };
  }

  /** Callbacks by their calls. */
  readonly #sent = new WeakMap<Arrived, Sent>();

  #serve(call: Arrived): Reaction {
    return call.to.address === "127.0.0.1" ? this.#serveLocal(call) : this.#servePeer(call);
  }

  #serveLocal(call: Arrived): Reaction {
    const { procedure, program, args, to, transport } = call;
    const isLockManagerUp = this.agenda.now >= this.#lockManagerDownUntil;
    if (to.port === RPCBIND_PORT) {
      if (!this.#rpcbind.isUp) return transport === "tcp" ? "unreachable" : "silence";
      if (procedure === "PMAPPROC_NULL") return { result: undefined };
      if (procedure !== "PMAPPROC_GETPORT") return "silence";
      const { prog } = args as { prog: number };
      if (prog !== LOCK_MANAGER) return { result: this.#rpcbind.portOf(transport) };
      return { result: isLockManagerUp && transport === "udp" ? this.#lockManagerPort : 0 };
    }
    const isThere = program === LOCK_MANAGER && to.port === this.#lockManagerPort;
    if (!isThere || !isLockManagerUp) return "silence";
    const sent = this.#sent.get(call);
    if (sent !== undefined) this.#callbacks.received(sent);
    return { result: undefined };
  }

  #servePeer({ procedure, to, transport }: Arrived): Reaction {
    const host = HOSTS.findIndex(({ addresses }) => addresses.includes(to.address));
    const peer = this.#peers[host];
    if (peer === undefined) return "silence";
    const fault = this.agenda.now < peer.downUntil ? peer.fault : undefined;
    if (fault === "unreachable") return "unreachable";
    if (to.port === RPCBIND_PORT) {
      if (fault === "rpcbind") return "silence";
      return procedure === "PMAPPROC_GETPORT" ? { result: NSM_PORTS[transport] } : "silence";
    }
    if (fault === "nsm" || to.port !== NSM_PORTS[transport]) return "silence";
    if (procedure !== "SM_STAT") return { result: undefined };
    this.#callbacks.noticeArrived(to.address, to.address, peer.state); // who asks may pass it on
    return { result: { res_stat: 0, state: peer.state } };
  }

  // Invariants.

  readonly #check = (): void => {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#disk.powerLasts < 0) this.#cutPower();
    try {
      this.#checkDisk();
      for (const { name, since } of this.#outstanding) {
        if (this.agenda.now - since > ANSWER_MAX_MS) throw new Violation("answered", name);
      }
    } catch (error) {
      this.#failed(error);
    }
    if (this.#failure !== undefined) throw this.#failure;
  };

  /** Number in the file `state`. */
  get #stateNumber(): number | undefined {
    const text = this.#disk.textOf(`${STATE_DIRECTORY}/state`);
    if (text !== this.#stateText) [this.#stateText, this.#stored] = [text, storedNumber(text)];
    return this.#stored;
  }

  /** Whether sm-notify may have moved records since the last check. */
  get #mayMove(): boolean {
    return this.#preparing.size > 0 || this.#hasPrepared;
  }

  #checkDisk(): void {
    const { journal, powerLasts } = this.#disk;
    if (powerLasts < 0 || !this.#isDirty && journal.length === this.#journalLength) return;
    this.#isDirty = false;
    this.#journalLength = journal.length;
    const lists = this.#registrations.read(this.#disk.texts());
    this.#registrations.check(lists, this.#mayMove, this.#isTold);
    this.#hasPrepared = false;
    const stored = this.#stateNumber;
    if (stored !== undefined && (stored % 2 === 0 || stored < this.#numberTold)) {
      throw new Violation("number", `the file has ${stored} after ${this.#numberTold}`);
    }
    const statd = this.#statd;
    if (statd === undefined || [...this.#outstanding].some(({ changes }) => changes)) return;
    const records = Array.from(statd.monitor.list.all(), ({ record }) => record);
    this.#registrations.checkAgreement(records, lists);
  }

  /** Whether the peer of a record has acknowledged every announcement. */
  readonly #isTold = ({ monName, myName, state }: Moved): boolean => {
    const host = hostOf(monName);
    const names = announcementsOf(this.#history.settings.hasOwnName ? [OWN_NAME] : [myName]);
    const numbers = names.map(({ name }) => this.#told.get(`${host} ${nameKey(name)}`) ?? 0);
    if (numbers.some((number) => number === 0)) return false;
    if (numbers.some((number) => number <= state)) {
      throw new Violation("newNumber", `${monName} was told ${numbers}, and knows ${state}`);
    }
    return true;
  };

  /** Checks a number that is announced. */
  #numberSeen(number: number): void {
    // A reply may be in flight while sm-notify draws a new number.
    const isDrawnNow = this.#numberChangedAt === this.agenda.now;
    const before = isDrawnNow ? this.#numberBefore : this.#numberTold;
    // While the file is unreadable, the daemon uses the last number read.
    const isReadable = this.agenda.now >= this.#faultyUntil;
    if (isReadable && number < before || number % 2 === 0) {
      this.fail("number", `${number} is told after ${before}`);
    }
    this.#numberIsTold(number);
  }

  #numberIsTold(number: number): void {
    if (number <= this.#numberTold) return;
    if (this.#numberChangedAt !== this.agenda.now) this.#numberBefore = this.#numberTold;
    this.#numberChangedAt = this.agenda.now;
    this.#numberTold = number;
    this.#mayNumberGoBack = this.agenda.now < this.#faultyUntil;
  }

  /** Ends all faults. */
  #heal(): void {
    this.trace.note("CALM");
    this.#isCalm = true;
    this.#disk.powerLasts = Infinity;
    this.#disk.fault = () => undefined;
    this.#names.mode = "quick";
    this.#rpcbind.isUp = true;
    this.#lockManagerDownUntil = 0;
    this.#nextNotifierChanges = Infinity;
    if (this.#statdProcess !== undefined) this.#statdProcess.changesLeft = Infinity;
    for (const process of this.#notifiers) process.changesLeft = Infinity;
    for (const peer of this.#peers) peer.downUntil = 0;
  }

  #checkCalm(): void {
    const statd = this.#statd;
    if (statd === undefined) throw new Violation("answered", "rpc.statd does not serve");
    this.#callbacks.checkOwed();
    for (const owed of this.#registrations.owed) {
      if (canBeFound(owed.monName) && !this.#isTold(owed)) {
        throw new Violation("told", owed.monName);
      }
    }
    if (this.#rpcbind.portOf("udp") === 0) throw new Violation("registered", "udp is not there");
  }

  #forgetAll(): void {
    const { list } = this.#statd!.monitor;
    this.#forget([...list.peerNames()]);
  }

  #checkTidy(): void {
    const { process, monitor: { list, announcer, directory } } = this.#statd!;
    const left = {
      registrations: list.size,
      callbacks: announcer.pending,
      // After SM_SIMU_CRASH the directory keeps unresolved peers.
      unresolved: this.#wasCrashSimulated ? 0 : directory.unresolved,
      files: process.open,
    };
    for (const [what, number] of Object.entries(left)) {
      if (number !== 0) throw new Violation("clean", `${number} ${what} are left`);
    }
    // The periodic review of the registration with rpcbind has a timer.
    if (process.timers > (this.#wasCrashSimulated ? 2 : 1)) {
      throw new Violation("clean", `${process.timers} timers are set`);
    }
    if (this.#outstanding.size > 0) throw new Violation("clean", "calls are outstanding");
  }
}

function kill(process: Process | undefined, changes: number): void {
  if (process === undefined) return;
  process.wasKilled = true;
  if (changes === 0) process.end();
  else process.changesLeft = changes;
}

/** Settings of the daemon. */
function settingsOf({ sourceCheck, calloutMs }: LiveSettings): StatdSettings {
  const callout = calloutMs === undefined ? [] : ["--ha-callout", "/callout"];
  const settings = statdSettings("--check-notify-source", sourceCheck, ...callout);
  return { ...settings, notifyStateCheck: sourceCheck };
}

/** Whether an error is one that only a dead process sees. */
function isOfDeath(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PowerCut) return true;
  }
  return false;
}

function recordOf(monName: string, by: number, priv: string): MonitorRecord {
  const { myName, myVers } = REQUESTERS[by]!;
  return { monName, myName, myVers, myProg: LOCK_MANAGER, myProc: CALLBACK_PROCEDURE, priv };
}

function monId({ monName, myName, myProg, myVers, myProc }: MonitorRecord) {
  const my_id = { my_name: myName, my_prog: myProg, my_vers: myVers, my_proc: myProc };
  return { mon_name: monName, my_id };
}

/** Index of the host with a name or address. */
function hostOf(monName: string): number {
  const words = synonymsOf(monName);
  return HOSTS.findIndex(({ addresses }) => addresses.some((address) => words.has(address)));
}

function canBeFound(monName: string): boolean {
  return hostOf(monName) >= 0;
}

function hashOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash, 31) + text.charCodeAt(i) & 0xffff;
  return hash;
}
