/**
 * Ledger of callbacks, owed and made: invariant 2. Registrations are compared without regard to
 * letter case, as in the monitor.
 */

import { ATTEMPT_TIMEOUT_MS } from "../../lib/nsm/lock_manager.ts";
import { COPY_MS } from "../../lib/nsm/notice_gate.ts";
import { STATES_MAX } from "../../lib/nsm/replaced_states.ts";
import { nameKey } from "../../lib/nsm/host_name.ts";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { concerns, isSourceOf, isStranger } from "./names.ts";
import { Violation } from "./violation.ts";

/** A received SM_NOTIFY, or an administrator's declaration. */
interface Announced {
  readonly ordinal: number;
  readonly monName: string;
  readonly source: string;
  readonly state: number | "declared";
  readonly at: number;
  /** Number of answers of the name service before it. */
  readonly answers: number;
  /** Ordinal of the last arrival before the reply. */
  answeredBehind?: number;
}

interface Registered {
  readonly monName: string;
  /** Cookie of the last acknowledged SM_MON. */
  priv: string;
  /** Ordinal of the last announcement before the registration; 0 if the registration may be older. */
  readonly madeAt: number;
  /** Ordinal of the last arrival before its first acknowledgement. */
  readonly acknowledgedBehind: number;
  /** Ordinal of the last announcement before the registration or its last renewal. */
  since: number;
  /** States owed to the lock manager, with their ordinals. */
  readonly owed: Map<number, number>;
  /** Largest announced state. */
  newest: number;
  /** Cookie and state of the last callback sent of those acknowledged, and ordinal of its announcement. */
  lastDone:
    | {
      readonly what: string;
      readonly ordinal: number;
      /** How often it was acknowledged for that announcement. */
      readonly times: number;
    }
    | undefined;
  /** Number of that callback in the order of sending. */
  lastDoneNumber: number;
  /** State that the lock manager was told last, by any daemon; it ignores another callback with that state. */
  told: number | undefined;
  /** Ordinal of the newest announcement whose callback has arrived there and was not ignored. */
  heeded: number;
  /** Ordinal of the newest announcement passed on, and the state passed on last. */
  passedOn: number;
  /** Lower bound of {@link passedOn}, since duplicates of an announcement may have arrived. */
  passedOnAtLeast: number;
  lastState: number;
  /** Largest state of a notice passed on. */
  largest: number;
  /** Set if a restart found an untold requester of the peer: then all requesters are told again. */
  mayBeToldAgain: boolean;
  /** States that the last restart found untold, until the first of these is told again behind the others. */
  toldAgain: readonly number[];
}

/** What the lock manager of a registration was told before its SM_MON was acknowledged. */
type Early = Pick<Registered, "newest" | "passedOn" | "told" | "heeded">;

/** A callback in flight. */
export interface Sent {
  readonly key: string;
  readonly state: number;
  readonly cookie: string;
  /** Ordinals of the last and of the first announcement that may have caused the callback. */
  readonly ordinal: number;
  readonly ordinalAtLeast: number;
  /** Ordinal of the last arrival before the callback was sent, and its number in the order of sending. */
  readonly sentBehind: number;
  readonly number: number;
  readonly registered: Registered | undefined;
  readonly at: number;
  /** Time of the answer; until then, the time at which the call is given up. */
  endsAt: number;
}

/** Turns of the microtask queue between the completion of a call and its reply. */
const TURNS_OF_A_REPLY = 6;

/** Key of a registration on the list in memory. */
export function listKey({ monName, myName, myVers }: MonitorRecord): string {
  return `${nameKey(monName)} ${nameKey(myName)} ${myVers}`;
}

export class CallbackLedger {
  #ordinal = 0;
  readonly #sent: Sent[] = [];
  readonly #announced: Announced[] = [];
  readonly #registered = new Map<string, Registered>();
  /** Ordinals of arrival of SM_MON calls and of acknowledged removals, by cookie. */
  readonly #arrivals = new Map<string, number>();
  readonly #removals = new Map<string, number>();
  /** What was passed on before SM_MON was acknowledged. */
  readonly #early = new Map<string, Early>();
  /** Ordinals of arrived removals. */
  readonly #removed = new Map<string, number>();

  /** Set once notices have been believed that are not believed now. */
  #wasUnchecked = false;

  /** Ordinal of the last SM_SIMU_CRASH, and its microtask turn. */
  #crashSimulated = 0;
  #crashTurn = -Infinity;

  /** Ordinal of the last arrival before the present life of the daemon. */
  #livesSince = 0;

  /**
   * `turn` counts turns of the microtask queue; `now` is the time in ms; `answers` counts those of the
   * name service.
   */
  constructor(
    readonly isEnforced: () => boolean,
    readonly turn: () => number,
    readonly now: () => number,
    readonly answers: () => number,
  ) {}

  /** Notes the arrival of an SM_MON. */
  monArrived(record: MonitorRecord): number {
    const ordinal = ++this.#ordinal;
    this.#arrivals.set(`${listKey(record)} ${record.priv}`, ordinal);
    return ordinal;
  }

  /**
   * Notes the acknowledgement of an SM_MON; a registration with another cookie or spelling starts
   * anew. `isNew`: neither list nor disk had the registration when the call arrived.
   */
  monAcknowledged(
    record: MonitorRecord,
    called: number,
    { isRepeated, isNew }: { readonly isRepeated: boolean; readonly isNew: boolean },
  ): void {
    const key = listKey(record);
    // SM_SIMU_CRASH also drops pending registrations, which then start anew.
    const arrived = Math.max(called, this.#crashSimulated);
    if ((this.#removed.get(key) ?? 0) > called) return;
    // The reply was on its way when SM_SIMU_CRASH dropped the registration.
    const wasDecided = this.turn() - this.#crashTurn <= TURNS_OF_A_REPLY;
    if (called < this.#crashSimulated && wasDecided) return;
    const known = this.#registered.get(key);
    if (known !== undefined) {
      // The list may have the registration from a call without a reply.
      const isAnew = !isRepeated || known.priv !== record.priv;
      known.priv = record.priv;
      if (isAnew) {
        known.since = Math.max(known.since, arrived);
        for (const [state, ordinal] of known.owed) if (ordinal < arrived) known.owed.delete(state);
      }
      return;
    }
    this.#registered.set(key, {
      monName: record.monName,
      priv: record.priv,
      madeAt: isNew && arrived === called ? arrived : 0,
      acknowledgedBehind: this.#ordinal,
      since: arrived,
      owed: new Map(),
      lastDone: undefined,
      lastDoneNumber: 0,
      passedOnAtLeast: 0,
      lastState: 0,
      largest: 0,
      mayBeToldAgain: false,
      toldAgain: [],
      ...this.#earlyOf(key),
    });
    this.#early.delete(key);
  }

  #earlyOf(key: string): Early {
    let early = this.#early.get(key);
    if (early === undefined) {
      early = { newest: 0, passedOn: 0, told: undefined, heeded: 0 };
      this.#early.set(key, early);
    }
    return early;
  }

  /** Notes the arrival of a removal, after which nothing is owed. */
  removalArrived(key: string): number {
    this.#registered.delete(key);
    this.#early.delete(key);
    this.#removed.set(key, ++this.#ordinal);
    return this.#ordinal;
  }

  removalAcknowledged(key: string, arrived: number): void {
    this.#removals.set(key, Math.max(arrived, this.#removals.get(key) ?? 0));
  }

  /** Keys of all registrations. */
  get keys(): string[] {
    return [...this.#registered.keys()];
  }

  /** Notes the arrival of an SM_SIMU_CRASH. */
  crashSimulated(): void {
    this.#registered.clear();
    this.#early.clear();
    this.#crashSimulated = ++this.#ordinal;
    this.#crashTurn = this.turn();
  }

  /** Notes the arrival of an SM_NOTIFY. */
  noticeArrived(monName: string, source: string, state: number): Announced {
    return this.#announce({ monName, source, state });
  }

  #announce(what: Pick<Announced, "monName" | "source" | "state">): Announced {
    const [at, answers] = [this.now(), this.answers()];
    const announced = { ordinal: ++this.#ordinal, at, answers, ...what };
    this.#announced.push(announced);
    return announced;
  }

  /** Notes the reply to an SM_NOTIFY: all registrations concerned are owed its state. */
  noticeAnswered(announced: Announced): void {
    const { ordinal, monName, source, state } = announced;
    announced.answeredBehind = this.#ordinal;
    if (typeof state !== "number") return;
    for (const known of this.#registered.values()) {
      const isOver = Math.max(known.passedOn, known.heeded) >= ordinal;
      if (known.since > ordinal || state <= known.newest || isOver) continue;
      // A duplicate of a notice from before the registration, or before later news, is ignored.
      const first = this.#announced.find((one) =>
        one.state === state && concerns(known.monName, one.monName, one.source)
      )?.ordinal ?? ordinal;
      // So is one of a state that the lock manager was told last, perhaps as the peer's own answer,
      // or before an older state that it has overtaken on its way.
      const isTold = [known.told, this.#stateOf(known.heeded)].includes(state) &&
        first <= known.heeded;
      if (first < Math.max(known.since, known.passedOn) || isTold) {
        continue;
      }
      // With enforce, a state below an earlier one is not believed.
      const isLower = this.isEnforced() &&
        this.#announced.some((one) =>
          typeof one.state === "number" && one.state > state && one.ordinal < ordinal &&
          concerns(known.monName, one.monName, one.source)
        );
      if (isLower) {
        continue;
      }
      if (!concerns(known.monName, monName, source)) {
        continue;
      }
      if (this.isEnforced() && !isSourceOf(known.monName, source)) {
        continue;
      }
      if (this.isEnforced() && this.#bootsOften(known.monName)) {
        continue;
      }
      known.newest = state;
      known.owed.set(state, first);
    }
  }

  /** State of the announcement with this ordinal. */
  #stateOf(wanted: number): Announced["state"] | undefined {
    return this.#announced.find(({ ordinal }) => ordinal === wanted)?.state;
  }

  /**
   * Whether a peer has announced more states lately than are remembered: what it says when it is
   * asked about one of them may come before a notice of an earlier one is judged.
   */
  #bootsOften(peer: string): boolean {
    const states = new Set<unknown>();
    for (const { monName, source, state, at } of this.#announced) {
      if (this.now() - at < 2 * COPY_MS && concerns(peer, monName, source)) states.add(state);
    }
    return states.size >= STATES_MAX;
  }

  /** Notes a declaration of a peer as rebooted. */
  declared(monName: string): void {
    this.#announce({ monName, source: "", state: "declared" });
  }

  /** Notes a callback sent. @throws {Violation} */
  sent(monName: string, version: number, cookie: string, state: number): Sent {
    const arrivals = [...this.#arrivals].filter(([text]) =>
      text.startsWith(`${nameKey(monName)} `) && text.endsWith(` ${version} ${cookie}`)
    );
    const what = `${monName} version ${version}, state ${state}, cookie ${cookie.slice(0, 8)}`;
    const [text, arrived] = arrivals.at(-1) ?? [];
    if (text === undefined) throw new Violation("announced", `${what} was never registered`);
    const key = text.slice(0, text.lastIndexOf(" "));
    if ((this.#removals.get(key) ?? 0) > arrived!) throw new Violation("unmonitored", what);
    const isBacking = (one: Announced, of = state) =>
      one.state === of && concerns(monName, one.monName, one.source) ||
      one.state === "declared" && of % 2 === 0 && of > 0 &&
        nameKey(one.monName) === nameKey(monName);
    const backing = this.#announced.findLast((one) => isBacking(one));
    if (backing === undefined) throw new Violation("announced", what);
    const registered = this.#registered.get(key);
    const before = registered?.passedOnAtLeast ?? 0;
    const isAgain = registered?.toldAgain.includes(state) === true;
    const first =
      this.#announced.find((one) => (one.ordinal > before || isAgain) && isBacking(one)) ?? backing;
    // The last state may be told again only to make way for one that crossed it, as no news of its
    // own, whichever cookie the registration has by now.
    const mayMakeWay = registered !== undefined &&
      this.#sent[registered.lastDoneNumber - 1]?.state === state &&
      this.#crossed(registered).some(({ state: of }) =>
        this.#announced.some((one) => one.ordinal > before && isBacking(one, of))
      );
    if (registered !== undefined) {
      const { ordinal } = this.#firstOf(backing, monName);
      const isFromBefore = ordinal < registered.madeAt && !registered.mayBeToldAgain;
      if (isFromBefore) throw new Violation("older", `${what}, which was registered behind it`);
      const isOlder = this.isEnforced() && !this.#wasUnchecked && backing.state === state &&
        state < registered.largest;
      const isOvertaken = backing.ordinal < before && state < registered.lastState && !isAgain;
      if (isOlder || isOvertaken) throw new Violation("older", what);
      if (registered.lastDone?.what !== `${cookie} ${state}`) registered.lastDone = undefined;
    }
    const sent: Sent = {
      key,
      state,
      cookie,
      ordinal: backing.ordinal,
      ordinalAtLeast: mayMakeWay ? Math.min(before, first.ordinal) : first.ordinal,
      sentBehind: this.#ordinal,
      number: this.#sent.length + 1,
      registered,
      at: this.now(),
      endsAt: this.now() + ATTEMPT_TIMEOUT_MS,
    };
    this.#sent.push(sent);
    return sent;
  }

  /**
   * First of the notices that a notice repeats, as far as the daemon can tell: it keeps one by an
   * unknown name until the name service answers, and knows the states of a peer of which some
   * registration is older than the notice. A registration that is renewed with another cookie is not.
   */
  #firstOf(last: Announced, peer: string): Announced {
    const { state, monName, source, answers, ordinal } = last;
    if (this.#wasUnchecked || this.isEnforced() || !isStranger(monName)) return last;
    let first = last;
    for (const one of this.#announced.slice(0, this.#announced.indexOf(last)).reverse()) {
      if (one.ordinal <= this.#livesSince || one.answers !== answers) break;
      if (!concerns(peer, one.monName, one.source)) continue;
      if (one.state !== state) break;
      const isKept = one.answeredBehind !== undefined && one.answeredBehind < ordinal &&
        this.#registered.values().some((known) =>
          Math.max(known.acknowledgedBehind, known.since) < one.ordinal &&
          nameKey(known.monName) === nameKey(peer)
        );
      const isRepeated = one.monName === monName && one.source === source && isKept;
      // The daemon passes on no copy, and believes the first notice that is none.
      if (isRepeated && !this.#mayBeCopy(one, peer)) first = one;
    }
    return first;
  }

  /** Whether a notice may be a copy of one from before another state, which came in this life. */
  #mayBeCopy({ state, at, ordinal }: Announced, peer: string): boolean {
    const before = this.#announced.filter((one) =>
      one.ordinal < ordinal && concerns(peer, one.monName, one.source)
    );
    const other = before.findLast((one) => one.state !== state);
    return other !== undefined && other.ordinal > this.#livesSince && at - other.at < COPY_MS &&
      before.some((one) => one.state === state && one.ordinal < other.ordinal);
  }

  /** Notes the lock manager's reply. @throws {Violation} */
  done(sent: Sent): void {
    sent.endsAt = this.now();
    const { key, state, cookie, ordinal, ordinalAtLeast } = sent;
    // Removed or dropped meanwhile: a present registration was not told.
    const goneAt = Math.max(this.#removed.get(key) ?? 0, this.#crashSimulated);
    if (goneAt > sent.sentBehind) return;
    // SM_MON may have been acknowledged meanwhile.
    const registered = sent.registered ?? this.#registered.get(key);
    if (registered === undefined) {
      // SM_MON still waits for its callout.
      Object.assign(this.#earlyOf(key), { newest: state, passedOn: ordinal });
      return;
    }
    if (this.#registered.get(key) !== registered) return;
    const what = `${cookie} ${state}`;
    const { lastDone } = registered;
    const isRepeated = lastDone?.what === what;
    const isBack = lastDone !== undefined &&
      this.#isBack(registered, lastDone.ordinal, ordinal, ordinalAtLeast);
    const times = isRepeated && lastDone.ordinal === ordinal ? lastDone.times + 1 : 1;
    const isDue = state % 2 === 0 &&
      times <= this.#declarations(registered.monName, ordinalAtLeast, ordinal);
    const isOrdered = this.#crossed(registered).length === 0;
    if (isRepeated && !isDue && !isBack && isOrdered) {
      throw new Violation("once", `${key}: state ${state}`);
    }
    if (sent.number > registered.lastDoneNumber) {
      registered.lastDone = { what, ordinal, times };
      registered.lastDoneNumber = sent.number;
    }
    if (state % 2 === 1) registered.newest = Math.max(registered.newest, state);
    registered.passedOn = Math.max(registered.passedOn, ordinal);
    registered.passedOnAtLeast = Math.max(registered.passedOnAtLeast, ordinalAtLeast);
    registered.lastState = state;
    if (registered.toldAgain[0] === state) registered.toldAgain = [];
    if (state % 2 === 1) registered.largest = Math.max(registered.largest, state);
  }

  /** Notes the arrival of a callback at the lock manager, which outlives the daemon. */
  received({ key, state, ordinal, ...sent }: Sent): void {
    if (Math.max(this.#removed.get(key) ?? 0, this.#crashSimulated) > sent.sentBehind) return;
    const registered = sent.registered ?? this.#registered.get(key);
    if (registered === undefined) {
      const early = this.#earlyOf(key);
      if (early.told !== state) early.heeded = Math.max(early.heeded, ordinal);
      early.told = state;
      return;
    }
    if (this.#registered.get(key) !== registered) return;
    // A copy among many states counts as the newest, although it came behind them.
    const isIgnored = registered.told === state && !this.#bootsOften(registered.monName);
    registered.told = state;
    if (!isIgnored) registered.heeded = Math.max(registered.heeded, ordinal);
    for (const [owed, of] of registered.owed) {
      if (owed === state || of <= ordinal && !isIgnored) registered.owed.delete(owed);
    }
  }

  /**
   * Callbacks with another state that were in flight when the last one left. Either may have arrived
   * behind the other, so that the last state may be told again before the other one comes again.
   */
  #crossed({ lastDoneNumber }: Registered): Sent[] {
    const last = this.#sent[lastDoneNumber - 1];
    if (last === undefined) return [];
    return this.#sent.filter((one) =>
      one.number < last.number && one.key === last.key && one.state !== last.state &&
      one.endsAt >= last.at
    );
  }

  /**
   * Whether a peer had another state between two announcements, too long before the second for a
   * copy, or more states than are remembered.
   */
  #isBack({ monName }: Registered, ...ordinals: readonly number[]): boolean {
    const [first, second] = [Math.min(...ordinals), Math.max(...ordinals)];
    const { state, at } = this.#announced.find(({ ordinal }) => ordinal === second)!;
    const between = this.#announced.filter((one) =>
      one.ordinal > first && one.ordinal < second && one.state !== state &&
      concerns(monName, one.monName, one.source)
    );
    return between.length >= STATES_MAX - 1 || between.some((one) => at - one.at >= COPY_MS);
  }

  /**
   * Number of declarations of a peer in a range of ordinals that may have given one state, each by the
   * last state of its time: those with a notice between them. The callbacks of all may be in flight.
   */
  #declarations(monName: string, first: number, last: number): number {
    let count = 0;
    let isNext = true;
    for (const one of this.#announced) {
      if (one.ordinal < first || one.ordinal > last) continue;
      if (one.state !== "declared") isNext ||= concerns(monName, one.monName, one.source);
      else if (isNext && nameKey(one.monName) === nameKey(monName)) {
        isNext = false;
        count++;
      }
    }
    return count;
  }

  /** Notes that notices are checked from now on, also those that were answered and not decided. */
  enforced(): void {
    this.#wasUnchecked = true;
    for (const registered of this.#registered.values()) registered.owed.clear();
  }

  /** Notes a kill, or a stop with pending callbacks: states may be told again. */
  crashed(): void {
    for (const registered of this.#registered.values()) registered.lastDone = undefined;
  }

  /** Notes the loss of learned facts that the disk refused. */
  forgotten(): void {
    this.crashed();
    for (const registered of this.#registered.values()) registered.owed.clear();
  }

  /**
   * Notes that a registration's record was moved from the disk: the next life does not have it.
   * `isListed`: this life does. A daemon that could not read the record before does not either.
   */
  moved(key: string, isListed: boolean): void {
    this.#registered.get(key)?.owed.clear();
    if (!isListed) this.#registered.delete(key);
  }

  /**
   * Notes the list of a new life: `keys` are registered, and registrations may be told again what is
   * owed to others of their peer.
   */
  loaded(keys: ReadonlySet<string>, owedOf: (monName: string) => readonly number[]): void {
    this.#livesSince = this.#ordinal;
    for (const key of keys) this.#removals.delete(key);
    for (const key of this.#registered.keys()) if (!keys.has(key)) this.#registered.delete(key);
    for (const key of this.#early.keys()) if (!keys.has(key)) this.#early.delete(key);
    for (const known of this.#registered.values()) {
      known.toldAgain = owedOf(known.monName);
      if (known.toldAgain.length > 0) known.mayBeToldAgain = true;
    }
  }

  /**
   * Notes the records on disk before a start that may not read them: they are registered when they
   * can be read. `isForgetful`: what was passed on may not be read either.
   */
  unread(keys: ReadonlySet<string>, isForgetful: boolean): void {
    for (const key of keys) this.#removals.delete(key);
    for (const [key, registered] of this.#registered) {
      const forgotten = { mayBeToldAgain: true, largest: 0, lastState: 0 };
      if (isForgetful) Object.assign(registered, forgotten);
      if (!keys.has(key)) this.#registered.delete(key);
    }
    this.forgotten();
  }

  /** Notes a reboot of this host, which empties the list. */
  rebooted(): void {
    this.#registered.clear();
    this.#early.clear();
  }

  /** Checks that nothing is owed. @throws {Violation} */
  checkOwed(): void {
    for (const [key, { owed }] of this.#registered) {
      for (const state of owed.keys()) throw new Violation("passedOn", `${key}: state ${state}`);
    }
  }
}
