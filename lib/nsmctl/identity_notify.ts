/**
 * `nsmctl identity notify`: notifies the peers left by older epochs of the present epoch's number,
 * from the identity's addresses. It has a deadline, and a result for each peer. The daemon, which
 * outlives the run, settles told peers.
 */

import { type Definition, readDefinition } from "../cluster/definition.ts";
import { RefusedError } from "../cluster/refusals.ts";
import type { IdentityReport } from "../cluster/identity_report.ts";
import { type LedgerPeer, type Pending, SupersededError } from "../cluster/ledger.ts";
import { etcdConfig } from "../config/etcd_settings.ts";
import { systemFiles } from "../config/ini_file.ts";
import type { Daemon } from "../control/client.ts";
import { openEtcd, openLedger } from "../control/ledgers.ts";
import { hostResolver } from "../net/resolver.ts";
import { nameKey } from "../nsm/host_name.ts";
import { Notifier } from "../nsm/notify/notifier.ts";
import { type NotifyReport, reportJson } from "../nsm/notify/notify_outcome.ts";
import { RETRY_SCHEDULES } from "../nsm/notify/retry_schedule.ts";
import type { PeerMemory } from "../nsm/ports.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { reasonOf } from "../reason.ts";
import { layoutOf } from "../store/layout.ts";
import { sleep } from "../time/clock.ts";
import { Status } from "./command.ts";
import { dropToOwner, SILENT_LOG } from "./state_directory.ts";
import { EpochWatch, type RunEnd } from "./epoch_watch.ts";
import { graceMs } from "./grace.ts";
import { type IdentityCalls, notHere, openIdentityCalls } from "./identity_calls.ts";
import { HELD_ELSEWHERE, LEFT_TO_BE_TOLD } from "./identity_state.ts";
import type { Session } from "./session.ts";
import { jsonLine, shown } from "./text.ts";

/** Names per message to the daemon. */
const NAMES_PER_REQUEST = 200;
/** Time limit of the before-notify program, in ms. */
const HOOK_MS = 10_000;

/** Arguments of a run. */
export interface IdentityRun {
  readonly report: IdentityReport;
  readonly deadlineS: number | undefined;
  readonly isJson: boolean;
  readonly session: Session;
  readonly daemon: Daemon;
}

/** Runs; returns the exit status. @throws {Error} */
export async function notifyIdentity(run: IdentityRun): Promise<number> {
  const { report: { id, texts, epoch, number, since = "", state }, session } = run;
  if (state !== "held" || epoch === undefined || number === undefined) {
    session.terminal.complain(
      `${session.programName}: identity ${id} is ${state}: acquire it first`,
    );
    return state === "superseded" ? HELD_ELSEWHERE : Status.PROBLEM;
  }
  const definition = readDefinition(id, texts);
  const deadlineMs = (run.deadlineS ?? definition.deadlineS) * 1000;
  const startedAt = clock.now();
  await runHook(definition);
  const calls = await openIdentityCalls(definition.sources);
  if (calls.missing.length > 0) {
    const said = `${notHere(calls.missing)}: clients of that family are not told`;
    session.terminal.complain(`${session.programName}: ${said}`);
  }
  const ledger = openLedger(
    definition,
    () => openEtcd(() => etcdConfig(Deno.env, systemFiles)),
  );
  dropToOwner(layoutOf(session.stateDirectoryPath));
  const own = { epoch, state: number, node: "", life: "", since, isReleased: false };
  const pending = await inTime(deadlineMs, id, async () => {
    await ledger.observe(own);
    return await ledger.pending();
  });
  const told = new ToldReport(run, epoch);
  const watch = new EpochWatch(() => ledger.verify());
  const notifier = notifierOf(run, definition, number, pending.peers, {
    calls,
    deadlineMs: Math.max(1, deadlineMs - (clock.now() - startedAt)),
    watch,
    told,
  });
  const watching = watch.run();
  const counts = await notifier.run(watch.signal);
  watch.stop();
  await watching;
  const isNoted = await told.flush();
  await calls.close();
  const result = {
    identity: id,
    state: number,
    epoch,
    total: counts.total,
    told: counts.told,
    told_late: told.late,
    gave_up: counts.gaveUp,
    unread: pending.unread,
    superseded: watch.end === "superseded",
    elapsed_ms: Math.round(clock.now() - startedAt),
  };
  sayResult(run, result, watch.end);
  if (watch.end === "superseded") return HELD_ELSEWHERE;
  if (watch.end === "unreachable") return Status.SILENT;
  return counts.gaveUp === 0 && pending.unread === 0 && isNoted ? Status.OK : LEFT_TO_BE_TOLD;
}

/** Reporter of told peers, to people, programs and the daemon. */
class ToldReport {
  late = 0;
  readonly #run: IdentityRun;
  readonly #epoch: number;
  readonly #graceMs = graceMs();
  #names: string[] = [];
  #sending: Promise<void> = Promise.resolve();
  #fault: string | undefined;

  constructor(run: IdentityRun, epoch: number) {
    this.#run = run;
    this.#epoch = epoch;
  }

  settled(report: NotifyReport): void {
    const { record, outcome, elapsedMs, fault } = report;
    const isLate = outcome === "told" && elapsedMs > this.#graceMs;
    if (isLate) this.late++;
    if (outcome === "told") this.#names.push(record.monName);
    if (this.#names.length >= NAMES_PER_REQUEST) this.#send();
    const { terminal } = this.#run.session;
    if (this.#run.isJson) {
      terminal.print(jsonLine({
        name: record.monName,
        outcome: isLate ? "told_late" : outcome === "gave up" ? "gave_up" : outcome,
        ...reportJson(report),
      }));
    } else if (outcome !== "told") {
      terminal.print(`${shown(record.monName)}: not told: ${fault ?? "no answer"}\n`);
    }
  }

  /** Reports the rest to the daemon; returns whether it knows all. */
  async flush(): Promise<boolean> {
    this.#send();
    await this.#sending;
    if (this.#fault === undefined) return true;
    const { terminal, programName } = this.#run.session;
    terminal.complain(
      `${programName}: the list of peers told could not be saved; they will be told again: ${this.#fault}`,
    );
    return false;
  }

  #send(): void {
    const peers = this.#names.splice(0);
    if (peers.length === 0) return;
    const { daemon, report: { id } } = this.#run;
    const request = { command: "identity", action: "told", id, epoch: this.#epoch, peers } as const;
    this.#sending = this.#sending.then(() => daemon.ask(request)).then(() => {}, (error) => {
      this.#fault ??= error instanceof RefusedError ? error.message : reasonOf(error);
    });
  }
}

interface RunParts {
  readonly calls: IdentityCalls;
  readonly deadlineMs: number;
  readonly watch: EpochWatch;
  readonly told: ToldReport;
}

function notifierOf(
  { report: { id } }: IdentityRun,
  { announced }: Definition,
  stateNumber: number,
  peers: readonly LedgerPeer[],
  { calls, deadlineMs, watch, told }: RunParts,
): Notifier {
  const known = new Map(peers.map(({ monName, addresses }) => [nameKey(monName), { addresses }]));
  const memory: PeerMemory = {
    load: () => known,
    loadInSteps: () => loaded(known),
    note() {},
    forget() {},
    flush() {},
  };
  const announcements = announced.map((name) => ({ name, source: 0 }));
  return new Notifier({
    clock,
    resolver: hostResolver({ addressesOfName, nameOfAddress }, clock),
    store: { remove: () => Promise.resolve(), has: () => watch.isCurrent },
    memory,
    sources: [{
      // No call leaves in a superseded epoch, not even from a process that was stopped for a while.
      call: (...args) =>
        watch.isCurrent
          ? calls.call(...args)
          : Promise.reject(new Error("the epoch is not known to be the present one")),
    }],
    log: SILENT_LOG,
    random: Math.random,
    onSettled: (report) => told.settled(report),
  }, {
    stateNumber,
    schedule: RETRY_SCHEDULES["linux"]!,
    totalMs: deadlineMs,
    announcements: () => announcements,
    preferTcp: false,
    peerPort: 0,
  }, peers.map(({ monName }) => ({ fileName: monName, monName, myName: id, modifiedAt: 0 })));
}

/** Facts about peers, without steps. */
// deno-lint-ignore require-yield
function* loaded<T>(known: T): Generator<void, T> {
  return known;
}

/** Runs the before-notify program. @throws {Error} When it forbids notifying. */
async function runHook({ id, beforeNotify }: Definition): Promise<void> {
  if (beforeNotify === undefined) return;
  const signal = AbortSignal.timeout(HOOK_MS);
  const { success, code } = await new Deno.Command(beforeNotify, {
    args: [id],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
    signal,
  }).output();
  if (success) return;
  const how = signal.aborted ? `has not ended in ${HOOK_MS / 1000} s` : `ended with status ${code}`;
  throw new Error(`${beforeNotify} ${how}: nobody is notified`);
}

/** Waits for a ledger, with a time limit. @throws {RefusedError} */
async function inTime(ms: number, id: string, action: () => Promise<Pending>): Promise<Pending> {
  const acting = action();
  const timer = new AbortController();
  const late = sleep(clock.startTimer, ms, timer.signal).then(() => undefined);
  try {
    const result = await Promise.race([acting, late]);
    if (result !== undefined) return result;
    throw new RefusedError("unreachable", `Identity ${id}: its ledger does not answer`);
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    const code = error instanceof SupersededError ? "superseded" : "unreachable";
    throw new RefusedError(code, `Identity ${id}: ${reasonOf(error)}`);
  } finally {
    acting.catch(() => {});
    timer.abort();
  }
}

function sayResult(
  { isJson, session: { terminal } }: IdentityRun,
  result: Readonly<Record<string, unknown>>,
  end: RunEnd,
): void {
  if (isJson) return void terminal.print(jsonLine(result));
  const { identity, state, total, told, unread, elapsed_ms } = result;
  const lines = [
    `Identity ${identity}: told ${told} of ${total} of state ${state} ` +
    `in ${(Number(elapsed_ms) / 1000).toFixed(1)} s\n`,
  ];
  if (unread !== 0) {
    lines.push(`${unread} lines of the ledger cannot be read: there may be more.\n`);
  }
  if (end === "superseded") {
    lines.push("Another node has taken it, or it was released: the run has stopped.\n");
  }
  if (end === "unreachable") lines.push("Its ledger does not answer: the run has stopped.\n");
  terminal.print(lines.join(""));
}
