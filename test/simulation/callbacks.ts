/**
 * Who has to be told of which state, and who was: invariant 2. A registration is known without regard to
 * letter case here, as the monitor knows it.
 */

import { nameKey } from "../../lib/nsm/host_name.ts";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { concerns, isSourceOf } from "./names.ts";
import { Violation } from "./violation.ts";

/** An SM_NOTIFY that arrived, or a declaration by an administrator. */
interface Announced {
  readonly ordinal: number;
  readonly monName: string;
  readonly source: string;
  readonly state: number | "declared";
}

interface Registered {
  readonly monName: string;
  /** Cookie of the SM_MON that was acknowledged last. */
  priv: string;
  /** Ordinal of the last announcement before it was made; 0 where it may have been there before. */
  readonly madeAt: number;
  /** The same, or before it was renewed. */
  since: number;
  /** States that have to be told, with their ordinals. */
  readonly owed: Map<number, number>;
  /** The largest state that was announced to be passed on. */
  newest: number;
  /** Cookie and state of the last callback to leave of those that the lock manager has answered. */
  lastDone: string | undefined;
  /** Ordinal of the last arrival before that left. */
  lastDoneBehind: number;
  /** Ordinal of the newest announcement that was passed on, and the state that was so last. */
  passedOn: number;
  /** Ordinal that it has at least, where copies of an announcement have arrived one behind the other. */
  passedOnAtLeast: number;
  lastState: number;
  /** The largest state of a notice that was. */
  largest: number;
  /** Whether a restart has found somebody untold who asked about its peer: then all are told. */
  mayBeToldAgain: boolean;
}

/** One callback on its way. */
export interface Sent {
  readonly key: string;
  readonly state: number;
  readonly cookie: string;
  /** Ordinals of the last and of the first announcement that it may follow from. */
  readonly ordinal: number;
  readonly ordinalAtLeast: number;
  /** Ordinal of the last arrival before it left. */
  readonly sentBehind: number;
  readonly registered: Registered | undefined;
}

/** Turns of the microtask queue that a reply takes when all is done that it says. */
const TURNS_OF_A_REPLY = 6;

/** Identity of a registration on the list in memory. */
export function listKey({ monName, myName, myVers }: MonitorRecord): string {
  return `${nameKey(monName)} ${nameKey(myName)} ${myVers}`;
}

export class CallbackLedger {
  #ordinal = 0;
  readonly #announced: Announced[] = [];
  readonly #registered = new Map<string, Registered>();
  /** By cookie, the ordinals of arrival of SM_MON calls and of removals that were acknowledged. */
  readonly #arrivals = new Map<string, number>();
  readonly #removals = new Map<string, number>();
  /** States that were passed on before SM_MON was acknowledged, and ordinals of their announcements. */
  readonly #early = new Map<string, { readonly state: number; readonly ordinal: number }>();
  /** The same of removals that have arrived. */
  readonly #removed = new Map<string, number>();

  /** Ordinal of the last SM_SIMU_CRASH, and the turn in which it came. */
  #crashSimulated = 0;
  #crashTurn = -Infinity;

  /** `turn` counts turns of the microtask queue. */
  constructor(readonly isEnforced: () => boolean, readonly turn: () => number) {}

  /** SM_MON has arrived. */
  monArrived(record: MonitorRecord): number {
    const ordinal = ++this.#ordinal;
    this.#arrivals.set(`${listKey(record)} ${record.priv}`, ordinal);
    return ordinal;
  }

  /**
   * SM_MON was acknowledged; a registration with another cookie or spelling begins anew. `isNew` says that
   * neither list nor disk had it when the call came.
   */
  monAcknowledged(
    record: MonitorRecord,
    called: number,
    { isRepeated, isNew }: { readonly isRepeated: boolean; readonly isNew: boolean },
  ): void {
    const key = listKey(record);
    // SM_SIMU_CRASH forgets what is under way too, which is registered anew then.
    const arrived = Math.max(called, this.#crashSimulated);
    if ((this.#removed.get(key) ?? 0) > called) return;
    // Its reply was on its way when SM_SIMU_CRASH came, which has forgotten it.
    const wasDecided = this.turn() - this.#crashTurn <= TURNS_OF_A_REPLY;
    if (called < this.#crashSimulated && wasDecided) return;
    const known = this.#registered.get(key);
    if (known !== undefined) {
      // The list may have it from a call that had no reply.
      const isAnew = !isRepeated || known.priv !== record.priv;
      known.priv = record.priv;
      if (isAnew) {
        known.since = Math.max(known.since, arrived);
        for (const [state, ordinal] of known.owed) if (ordinal < arrived) known.owed.delete(state);
      }
      return;
    }
    const early = this.#early.get(key) ?? { state: 0, ordinal: 0 };
    this.#registered.set(key, {
      monName: record.monName,
      priv: record.priv,
      madeAt: isNew && arrived === called ? arrived : 0,
      since: arrived,
      owed: new Map(),
      newest: early.state,
      lastDone: undefined,
      lastDoneBehind: 0,
      passedOn: early.ordinal,
      passedOnAtLeast: 0,
      lastState: 0,
      largest: 0,
      mayBeToldAgain: false,
    });
  }

  /** A removal has arrived: nothing is owed any more. */
  removalArrived(key: string): number {
    this.#registered.delete(key);
    this.#early.delete(key);
    this.#removed.set(key, ++this.#ordinal);
    return this.#ordinal;
  }

  removalAcknowledged(key: string, arrived: number): void {
    this.#removals.set(key, Math.max(arrived, this.#removals.get(key) ?? 0));
  }

  /** Keys of what is registered. */
  get keys(): string[] {
    return [...this.#registered.keys()];
  }

  /** SM_SIMU_CRASH has arrived. */
  crashSimulated(): void {
    this.#registered.clear();
    this.#early.clear();
    this.#crashSimulated = ++this.#ordinal;
    this.#crashTurn = this.turn();
  }

  /** SM_NOTIFY has arrived. */
  noticeArrived(monName: string, source: string, state: number): Announced {
    const announced = { ordinal: ++this.#ordinal, monName, source, state };
    this.#announced.push(announced);
    return announced;
  }

  /** SM_NOTIFY was answered: whoever is concerned by it has to be told. */
  noticeAnswered({ ordinal, monName, source, state }: Announced): void {
    if (typeof state !== "number") return;
    for (const known of this.#registered.values()) {
      if (known.since > ordinal || state <= known.newest || known.passedOn >= ordinal) continue;
      // A copy of what came before the registration is no news.
      const isCopy = this.#announced.some((one) =>
        one.state === state && one.ordinal < known.since &&
        concerns(known.monName, one.monName, one.source)
      );
      if (isCopy) continue;
      // To enforce, a state below one that came before is not believed.
      const isLower = this.isEnforced() &&
        this.#announced.some((one) =>
          typeof one.state === "number" && one.state > state && one.ordinal < ordinal &&
          concerns(known.monName, one.monName, one.source)
        );
      if (isLower) continue;
      if (!concerns(known.monName, monName, source)) continue;
      if (this.isEnforced() && !isSourceOf(known.monName, source)) continue;
      known.newest = state;
      known.owed.set(state, ordinal);
    }
  }

  /** A peer was declared rebooted. */
  declared(monName: string): void {
    this.#announced.push({ ordinal: ++this.#ordinal, monName, source: "", state: "declared" });
  }

  /** A callback leaves. */
  sent(monName: string, version: number, cookie: string, state: number): Sent {
    const arrivals = [...this.#arrivals].filter(([text]) =>
      text.startsWith(`${nameKey(monName)} `) && text.endsWith(` ${version} ${cookie}`)
    );
    const what = `${monName} version ${version}, state ${state}, cookie ${cookie.slice(0, 8)}`;
    const [text, arrived] = arrivals.at(-1) ?? [];
    if (text === undefined) throw new Violation("announced", `${what} was never registered`);
    const key = text.slice(0, text.lastIndexOf(" "));
    if ((this.#removals.get(key) ?? 0) > arrived!) throw new Violation("unmonitored", what);
    const isBacking = (one: Announced) =>
      one.state === state && concerns(monName, one.monName, one.source) ||
      one.state === "declared" && state % 2 === 0 && state > 0 &&
        nameKey(one.monName) === nameKey(monName);
    const backing = this.#announced.findLast(isBacking);
    if (backing === undefined) throw new Violation("announced", what);
    const registered = this.#registered.get(key);
    const before = registered?.passedOnAtLeast ?? 0;
    const first = this.#announced.find((one) => one.ordinal > before && isBacking(one)) ?? backing;
    if (registered !== undefined) {
      const isFromBefore = backing.ordinal < registered.madeAt && !registered.mayBeToldAgain;
      if (isFromBefore) throw new Violation("older", `${what}, which was registered behind it`);
      const isOlder = this.isEnforced() && backing.state === state && state < registered.largest;
      const isOvertaken = backing.ordinal < before && state < registered.lastState;
      if (isOlder || isOvertaken) throw new Violation("older", what);
      if (registered.lastDone !== `${cookie} ${state}`) registered.lastDone = undefined;
    }
    return {
      key,
      state,
      cookie,
      ordinal: backing.ordinal,
      ordinalAtLeast: first.ordinal,
      sentBehind: this.#ordinal,
      registered,
    };
  }

  /** The lock manager's answer has come. */
  done({ key, state, cookie, ordinal, ordinalAtLeast, ...sent }: Sent): void {
    // Unmonitored meanwhile: what is registered now was not told.
    if ((this.#removed.get(key) ?? 0) > sent.sentBehind) return;
    // SM_MON may have been acknowledged meanwhile.
    const registered = sent.registered ?? this.#registered.get(key);
    if (registered === undefined) {
      // SM_MON waits for its callout still.
      this.#early.set(key, { state, ordinal });
      return;
    }
    if (this.#registered.get(key) !== registered) return;
    const done = `${cookie} ${state}`;
    if (registered.lastDone === done) throw new Violation("once", `${key}: state ${state}`);
    if (sent.sentBehind >= registered.lastDoneBehind) {
      registered.lastDone = done;
      registered.lastDoneBehind = sent.sentBehind;
    }
    if (state % 2 === 1) registered.newest = Math.max(registered.newest, state);
    registered.passedOn = Math.max(registered.passedOn, ordinal);
    registered.passedOnAtLeast = Math.max(registered.passedOnAtLeast, ordinalAtLeast);
    registered.lastState = state;
    if (state % 2 === 1) registered.largest = Math.max(registered.largest, state);
    for (const [owed, of] of registered.owed) {
      if (of <= ordinal || owed === state) registered.owed.delete(owed);
    }
  }

  /** A process was killed, or stopped while somebody was to be told: what was told may be told again. */
  crashed(): void {
    for (const registered of this.#registered.values()) registered.lastDone = undefined;
  }

  /** What was learned is lost, since the disk did not take it. */
  forgotten(): void {
    this.crashed();
    for (const registered of this.#registered.values()) registered.owed.clear();
  }

  /** The record of a registration was taken from the disk: the next life does not know it. */
  moved(key: string): void {
    this.#registered.get(key)?.owed.clear();
  }

  /** These are on the list of a new life, whatever was said of them before; it tells all who ask about some peers. */
  loaded(keys: ReadonlySet<string>, isOwed: (monName: string) => boolean): void {
    for (const key of keys) this.#removals.delete(key);
    for (const key of this.#registered.keys()) if (!keys.has(key)) this.#registered.delete(key);
    for (const known of this.#registered.values()) {
      if (isOwed(known.monName)) known.mayBeToldAgain = true;
    }
  }

  /** This host was restarted: nobody is monitored. */
  rebooted(): void {
    this.#registered.clear();
  }

  /** Nothing is owed any more. */
  checkOwed(): void {
    for (const [key, { owed }] of this.#registered) {
      for (const state of owed.keys()) throw new Violation("passedOn", `${key}: state ${state}`);
    }
  }
}
