/**
 * Monitor list in memory: which peers are monitored, and for whom. Every query of a call is a map
 * look-up; none takes time in proportion to the number of hosts.
 *
 * Source: XNFS chapter 11.
 */

import { nameKey } from "./host_name.ts";
import { latestOf } from "./last_state.ts";
import type { MonitorRecord } from "./ports.ts";
import {
  isOfRequester,
  isSame,
  type Registration,
  registrationKey,
  type Requester,
  requesterKey,
} from "./registration_key.ts";
import { Renewals } from "./renewals.ts";
import { ReplacedStates } from "./replaced_states.ts";
import type { ToldStates } from "./told_states.ts";

/** Last news of a peer. */
export type LastNews = Pick<Monitored, "lastState" | "lastNotice" | "lastAnswer" | "heardAt">;

/** Bytes of a record's line besides the two names. */
const LINE_BYTES = 71;

/** One registration, with its peer's last news. */
export interface Monitored {
  record: MonitorRecord;
  /** Record on disk; undefined before the first write has succeeded. */
  stored: MonitorRecord | undefined;
  /** Time of that write, in ms since 1970; undefined if loaded from disk. Only for display. */
  since: number | undefined;
  /** Arrival of the peer's last notice, in ms since 1970. Only for display. */
  heardAt: number | undefined;
  /** State of the last SM_NOTIFY believed; 0 before the first. */
  lastState: number;
  /** Ordinal (from 1) of the notice or declaration that gave `lastState`; 0 before the first. */
  lastNotice: number;
  /** Ordinal of the last answer of the peer itself that was believed; absent before the first. */
  lastAnswer?: number | undefined;
  /** Ordinal up to which notices came before the registration: it knows their states, and is not told. */
  behind: number;
  /** Whether `behind` holds only for an SM_MON under way, and not for an earlier record in an unread file. */
  isTentative?: boolean;
  /** Whether the disk refused the latest record, which may be there in place of `stored`. */
  isUncertain?: boolean;
  /** Settles when the disk has taken or refused the latest record, which brings another cookie. */
  deciding?: Promise<void> | undefined;
  /** States that the requester may have been told last, also by an earlier process. */
  told?: ToldStates;
  /** Source and monotonic arrival time of the notice that the requester is being told of. */
  heard?: { readonly from: string; readonly at: number };
}

/** Removal in progress of a registration; `gone` rejects when the disk refuses. */
type Leaving = Readonly<{ monitored: Monitored; gone: Promise<void> }>;

export class MonitorList {
  readonly replacedStates = new ReplacedStates();
  readonly renewals = new Renewals();
  /** Map by requester key; a bare registration where a peer has only one, as nearly always: a map takes more. */
  readonly #byPeer = new Map<string, Monitored | Map<string, Monitored>>();
  readonly #byRequester = new Map<string, Set<Monitored>>();
  /**
   * Removals in progress, by registration key; the last one counts. Each time the map is empty, a
   * new one is created: V8 links a map's old tables to new ones, and once one table is in old space
   * all followers are promoted too, where only a full collection (20 ms and more) frees them.
   */
  #leaving = new Map<string, Leaving>();
  /** Registrations repeated during their removal and then forgotten by SM_SIMU_CRASH, by key. */
  readonly #forgotten = new Map<string, Monitored>();
  #size = 0;
  #bytes = 0;

  /** Total length of the records on disk, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }
  #clearings = 0;

  get size(): number {
    return this.#size;
  }

  /** Number of clear() calls; results from before a clear() are void. */
  get clearings(): number {
    return this.#clearings;
  }

  /** Number of different peers. */
  get peers(): number {
    return this.#byPeer.size;
  }

  find(registration: Registration): Monitored | undefined {
    const known = this.#byPeer.get(nameKey(registration.monName));
    if (known instanceof Map) return known.get(requesterKey(registration));
    return known !== undefined && isOfRequester(registration, known.record) ? known : undefined;
  }

  /**
   * Adds a registration that is neither on the list nor on disk. It inherits the last news of its
   * peer, so that a repeated notice is no news; `remembered` ones if no other registration has any.
   */
  add(record: MonitorRecord, remembered?: LastNews): Monitored {
    return this.#add(record, undefined, latestOf(this.about(record.monName)) ?? remembered);
  }

  /** Adds a registration loaded from disk, with the peer's news from an earlier run. */
  addStored(record: MonitorRecord, known?: LastNews): Monitored {
    return this.#add(record, record, known);
  }

  #add(record: MonitorRecord, stored: MonitorRecord | undefined, known?: LastNews): Monitored {
    const { lastState = 0, lastNotice = 0, lastAnswer, heardAt } = known ?? {};
    const news = { heardAt, lastState, lastNotice, lastAnswer };
    const monitored = { record, stored, since: undefined, ...news, behind: 0 };
    this.restore(monitored);
    return monitored;
  }

  /**
   * Takes registrations off the list whose removal from disk has begun. The promises returned settle
   * when earlier removals of them have ended, as they have to first: other calls await the last one.
   */
  leave(removed: readonly Monitored[], gone: Promise<void>): Promise<void>[] {
    const earlier: Promise<void>[] = [];
    for (const monitored of removed) {
      this.remove(monitored);
      const key = registrationKey(monitored.record);
      const before = this.#leaving.get(key);
      if (before !== undefined) {
        earlier.push(before.gone.catch(() => void (monitored.stored ??= before.monitored.stored)));
      }
      this.#leaving.set(key, { monitored, gone });
      this.#forgotten.delete(key);
    }
    return earlier;
  }

  /**
   * Whether a record on disk is of a registration that was repeated during its removal, acknowledged
   * or about to be, even if the list was emptied since. A record that a later removal has taken off
   * the list is left to that removal, which may fail.
   */
  isMadeAnew(record: MonitorRecord, removed: readonly Monitored[]): boolean {
    const key = registrationKey(record);
    const anew = this.find(record) ?? this.#forgotten.get(key);
    // Without the refused record, nothing might be left on disk.
    if (anew?.isUncertain === true) return true;
    const last = anew ?? this.#leaving.get(key)?.monitored;
    if (last === undefined || removed.includes(last)) return false;
    return isSame(record, last.record) || isSame(record, last.stored);
  }

  /** Notes that the record of a registration on disk may be a refused one, also behind SM_SIMU_CRASH. */
  doubtStored(monitored: Monitored): void {
    const forgotten = this.#forgotten.get(registrationKey(monitored.record));
    for (const it of [monitored, forgotten ?? monitored]) it.isUncertain = true;
  }

  /** Removal in progress of a registration. */
  leaving(registration: Registration): Promise<void> | undefined {
    return this.#leaving.get(registrationKey(registration))?.gone;
  }

  /** Removals in progress of a requester's registrations. */
  leavingOf(requester: Requester): Promise<void>[] {
    const key = requesterKey(requester);
    return [...this.#leaving.values()]
      .filter(({ monitored }) => requesterKey(monitored.record) === key)
      .map(({ gone }) => gone);
  }

  /** Removals in progress of all registrations of these peers. */
  leavingAbout(monNames: readonly string[]): Promise<void>[] {
    const peers = new Set(monNames.map(nameKey));
    return [...this.#leaving.values()]
      .filter(({ monitored }) => peers.has(nameKey(monitored.record.monName)))
      .map(({ gone }) => gone);
  }

  /** Whether a registration of one of these peers (keys) may come back, as its removal may fail. */
  mayComeBack(peers: Iterable<string>): boolean {
    return this.#leaving.size > 0 && this.leavingAbout([...peers]).length > 0;
  }

  /** Ends a removal. A removal that the disk has refused is undone, unless a later call replaced it. */
  left(monitored: Monitored, isGone: boolean): void {
    const key = registrationKey(monitored.record);
    if (this.#leaving.get(key)?.monitored !== monitored) return;
    this.#leaving.delete(key);
    if (this.#leaving.size === 0) {
      this.#leaving = new Map();
      this.#forgotten.clear();
    }
    // A record that never reached the disk is not there now.
    if (isGone || monitored.stored === undefined) return;
    const successor = this.find(monitored.record);
    // The record counts again if the disk refuses that of the successor.
    if (successor !== undefined) successor.stored ??= monitored.stored;
    if (monitored.isUncertain) monitored.record = monitored.stored;
    this.restore(monitored);
  }

  /** Puts a removed registration back, unless a new one has taken its place. */
  restore(monitored: Monitored): void {
    if (this.find(monitored.record) !== undefined) return;
    const peer = nameKey(monitored.record.monName);
    const requester = requesterKey(monitored.record);
    const known = this.#byPeer.get(peer);
    if (known === undefined) this.#byPeer.set(peer, monitored);
    else if (known instanceof Map) known.set(requester, monitored);
    else {
      const both = [[requesterKey(known.record), known], [requester, monitored]] as const;
      this.#byPeer.set(peer, new Map(both));
    }
    const requested = this.#byRequester.get(requester) ?? new Set();
    this.#byRequester.set(requester, requested.add(monitored));
    this.#size++;
    this.#bytes += bytesOf(monitored);
  }

  /** Takes a registration off the list; returns whether it was its peer's last one. */
  remove(monitored: Monitored): boolean {
    if (this.find(monitored.record) !== monitored) return false;
    const peer = nameKey(monitored.record.monName);
    const requester = requesterKey(monitored.record);
    const known = this.#byPeer.get(peer);
    if (known instanceof Map) known.delete(requester);
    const isLast = !(known instanceof Map) || known.size === 0;
    if (isLast) this.#byPeer.delete(peer);
    const requested = this.#byRequester.get(requester)!;
    requested.delete(monitored);
    if (requested.size === 0) this.#byRequester.delete(requester);
    this.#size--;
    this.#bytes -= bytesOf(monitored);
    return isLast;
  }

  /** Registrations of a requester, oldest first. */
  of(requester: Requester): Monitored[] {
    return [...this.#byRequester.get(requesterKey(requester)) ?? []];
  }

  /** Number of a requester's registrations. */
  countOf(requester: Requester): number {
    return this.#byRequester.get(requesterKey(requester))?.size ?? 0;
  }

  /** Number of a peer's registrations. */
  countAbout(monName: string): number {
    const known = this.#byPeer.get(nameKey(monName));
    return known instanceof Map ? known.size : known === undefined ? 0 : 1;
  }

  has(monName: string): boolean {
    return this.#byPeer.has(nameKey(monName));
  }

  /** Registrations of a peer, by its mon_name, oldest first. */
  about(monName: string): Iterable<Monitored> {
    const known = this.#byPeer.get(nameKey(monName));
    if (known instanceof Map) return known.values();
    return known === undefined ? [] : [known];
  }

  /** All registrations; the list may be changed during iteration. */
  *all(): Iterable<Monitored> {
    for (const known of this.#byPeer.values()) {
      if (known instanceof Map) yield* known.values();
      else yield known;
    }
  }

  /** Keys of all peers. */
  peerNames(): Iterable<string> {
    return this.#byPeer.keys();
  }

  clear(): void {
    for (const [key, { monitored }] of this.#leaving) {
      const anew = this.find(monitored.record);
      if (anew !== undefined) this.#forgotten.set(key, anew);
    }
    this.#byPeer.clear();
    this.#byRequester.clear();
    [this.#size, this.#bytes] = [0, 0];
    this.#clearings++;
  }
}

/** Line length of a record; it does not change with letter case (store/record_format.ts). */
function bytesOf({ record: { monName, myName } }: Monitored): number {
  return monName.length + myName.length + LINE_BYTES;
}
