/**
 * The monitor list in memory: which peers are watched, and for whom. Every look-up that a call needs
 * is a look-up in a map; nothing here costs in proportion to the number of hosts.
 *
 * A registration is known by mon_name and my_name without regard to letter case, and by program,
 * version and procedure.
 *
 * Source: XNFS chapter 11; nfs-utils' matching rules for SM_MON, SM_UNMON and SM_UNMON_ALL, without
 * their look-ups.
 */

import { nameKey } from "./host_name.ts";
import type { MonitorRecord } from "./ports.ts";

/** Who asked: a requester without the peer that it asked about. */
export type Requester = Pick<MonitorRecord, "myName" | "myProg" | "myVers" | "myProc">;
/** What tells registrations apart. */
export type Registration = Requester & Pick<MonitorRecord, "monName">;

/** What was heard of a peer last. */
export type LastNews = Pick<Monitored, "lastState" | "lastNotice" | "heardAt">;

/** Bytes of a record's line besides the two names. */
const LINE_BYTES = 71;

/** One registration. */
export interface Monitored {
  record: MonitorRecord;
  /** What is on disk of it; undefined before the disk has taken anything. */
  stored: MonitorRecord | undefined;
  /** When that was made durable, in ms since 1970; undefined for what was loaded. For people. */
  since: number | undefined;
  /** When its peer was heard of last, in ms since 1970; undefined before. For people. */
  heardAt: number | undefined;
  /** The state of the last SM_NOTIFY that was taken for it; 0 before the first. */
  lastState: number;
  /** States before that, the latest last, and when each was replaced on the clock that only goes forward. */
  replaced?: readonly { readonly state: number; readonly at: number }[];
  /** Which notice or declaration that was, or was the last before it was registered, from 1 on. */
  lastNotice: number;
  /** Whose notice its requester is to be told of, and when it came on the clock that only goes forward. */
  heard?: { readonly from: string; readonly at: number };
}

/** A registration that was taken off the list and may still be on disk. */
export interface Leaving {
  readonly monitored: Monitored;
  /** Settles when the disk has taken the removal; rejects when it has refused it. */
  readonly gone: Promise<void>;
}

/** Everything asked about one peer, by requester. */
type Registrations = Map<string, Monitored>;

export class MonitorList {
  /** Nearly every peer is asked about once: a map around that would take more than all the rest. */
  readonly #byPeer = new Map<string, Monitored | Registrations>();
  readonly #byRequester = new Map<string, Set<Monitored>>();
  /**
   * The last removal under way of each registration, by its key. Each time that it is empty it is made anew:
   * V8 links every table of a map to the one that replaces it, and once one of them is in old space, all
   * that follow get there, where only a full collection, 20 ms and more, finds them.
   */
  #leaving = new Map<string, Leaving>();
  #size = 0;
  #bytes = 0;

  /** Length of all records together as they are on disk, in bytes; that of a renewed one as it was first. */
  get bytes(): number {
    return this.#bytes;
  }
  /** How often the list was emptied. */
  #clearings = 0;

  /** Number of registrations. */
  get size(): number {
    return this.#size;
  }

  /** How often the list was emptied: what a call knew of it before is void after. */
  get clearings(): number {
    return this.#clearings;
  }

  /** Number of different peers. */
  get peers(): number {
    return this.#byPeer.size;
  }

  /** The registration with this identity. */
  find(registration: Registration): Monitored | undefined {
    const known = this.#byPeer.get(nameKey(registration.monName));
    if (known instanceof Map) return known.get(requesterKey(registration));
    return known !== undefined && isOf(registration, known) ? known : undefined;
  }

  /**
   * Adds a registration whose identity is not on the list yet and that the disk does not have yet. What is
   * known of its peer holds for it too: a notice that is sent again is no news.
   */
  add(record: MonitorRecord): Monitored {
    const [other] = this.about(record.monName);
    return this.#add(record, undefined, other);
  }

  /** Adds a registration that was read from disk, with what an earlier life knew of its peer. */
  addStored(record: MonitorRecord, known?: LastNews): Monitored {
    return this.#add(record, record, known);
  }

  #add(record: MonitorRecord, stored: MonitorRecord | undefined, known?: LastNews): Monitored {
    const { lastState = 0, lastNotice = 0, heardAt } = known ?? {};
    const monitored: Monitored = {
      record,
      stored,
      since: undefined,
      heardAt,
      lastState,
      lastNotice,
    };
    this.restore(monitored);
    return monitored;
  }

  /** Takes registrations off the list whose removal from the disk has begun. */
  leave(removed: readonly Monitored[], gone: Promise<void>): void {
    for (const monitored of removed) {
      this.remove(monitored);
      this.#leaving.set(registrationKey(monitored.record), { monitored, gone });
    }
  }

  /** The removal of a registration that is under way. */
  leaving(registration: Registration): Promise<void> | undefined {
    return this.#leaving.get(registrationKey(registration))?.gone;
  }

  /** The removals under way of what a requester asked for. */
  leavingOf(requester: Requester): Promise<void>[] {
    const key = requesterKey(requester);
    return [...this.#leaving.values()]
      .filter(({ monitored }) => requesterKey(monitored.record) === key)
      .map(({ gone }) => gone);
  }

  /** The removals under way of everything asked about these peers. */
  leavingAbout(monNames: readonly string[]): Promise<void>[] {
    const peers = new Set(monNames.map(nameKey));
    return [...this.#leaving.values()]
      .filter(({ monitored }) => peers.has(nameKey(monitored.record.monName)))
      .map(({ gone }) => gone);
  }

  /** A removal has settled. One that the disk has refused is undone, unless a later call decided anew. */
  left(monitored: Monitored, isGone: boolean): void {
    const key = registrationKey(monitored.record);
    if (this.#leaving.get(key)?.monitored !== monitored) return;
    this.#leaving.delete(key);
    if (this.#leaving.size === 0) this.#leaving = new Map();
    // What never reached the disk is not there now.
    if (isGone || monitored.stored === undefined) return;
    const successor = this.find(monitored.record);
    if (successor === undefined) this.restore(monitored);
    else successor.stored ??= monitored.stored; // it has that record again if the disk refuses its own
  }

  /** Puts back a registration that was removed, unless a new one has taken its place. */
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
    let requested = this.#byRequester.get(requester);
    if (requested === undefined) this.#byRequester.set(requester, requested = new Set());
    requested.add(monitored);
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

  /** Everything that a requester asked for, in the order in which it did. */
  of(requester: Requester): Monitored[] {
    return [...this.#byRequester.get(requesterKey(requester)) ?? []];
  }

  /** How many registrations a requester has. */
  countOf(requester: Requester): number {
    return this.#byRequester.get(requesterKey(requester))?.size ?? 0;
  }

  /** How many registrations there are of a peer. */
  countAbout(monName: string): number {
    const known = this.#byPeer.get(nameKey(monName));
    return known instanceof Map ? known.size : known === undefined ? 0 : 1;
  }

  /** Whether a peer of this name is on the list. */
  has(monName: string): boolean {
    return this.#byPeer.has(nameKey(monName));
  }

  /** Everything asked about a peer, by its mon_name, oldest first. */
  about(monName: string): Iterable<Monitored> {
    const known = this.#byPeer.get(nameKey(monName));
    if (known instanceof Map) return known.values();
    return known === undefined ? [] : [known];
  }

  /** Every registration; adding and removing meanwhile is allowed. */
  *all(): Iterable<Monitored> {
    for (const known of this.#byPeer.values()) {
      if (known instanceof Map) yield* known.values();
      else yield known;
    }
  }

  /** The mon_names of all peers, in the form in which names are compared. */
  peerNames(): Iterable<string> {
    return this.#byPeer.keys();
  }

  /** Empties the list. */
  clear(): void {
    this.#byPeer.clear();
    this.#byRequester.clear();
    this.#size = 0;
    this.#bytes = 0;
    this.#clearings++;
  }
}

/** Renewed in another letter case, a record has as many bytes (store/record_format.ts). */
function bytesOf({ record: { monName, myName } }: Monitored): number {
  return monName.length + myName.length + LINE_BYTES;
}

/** Whether a registration of the same peer has this identity. */
function isOf(requester: Requester, { record }: Monitored): boolean {
  return requester.myProc === record.myProc && requester.myVers === record.myVers &&
    requester.myProg === record.myProg && nameKey(requester.myName) === nameKey(record.myName);
}

/** The identity of a registration as one text. */
export function registrationKey(registration: Registration): string {
  return `${nameKey(registration.monName)} ${requesterKey(registration)}`;
}

function requesterKey({ myName, myProg, myVers, myProc }: Requester): string {
  return `${myProg}.${myVers}.${myProc} ${nameKey(myName)}`;
}
