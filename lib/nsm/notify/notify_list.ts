/**
 * Notify list: which peer is due, and when it is retried. A pure function of events and of the time
 * passed in; no clock, no I/O. A turn itself is in peer_turn.ts.
 *
 * Order: by due time, then newer records first, then order of insertion. Each step is O(log n).
 *
 * Source: nfs-utils' schedule and order as observed, with two deviations. A failed attempt moves on
 * to the next address at once (nfs-utils: after four). A peer whose rpcbind knows no NSM is retried
 * by the normal schedule (nfs-utils: after 120 s).
 */

import type { NotifyRecord, PeerFacts } from "../ports.ts";
import type { RetrySchedule } from "./retry_schedule.ts";
import { Heap } from "../heap.ts";

/** Relative jitter of pauses, which spreads peers that failed together. */
const JITTER = 0.05;

/** Unanswered notices after which a port from rpcbind is looked up again. */
const PORT_TRIES = 2;

/** Name under which we are announced, and the index of its source. */
export interface Announcement {
  readonly name: string;
  readonly source: number;
}

/** Transport, address and port of a peer's NSM. */
export interface Way {
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
}

/** State of one record on the notify list. Changed only by {@link NotifyList}. */
export interface NotifyPeer {
  readonly record: NotifyRecord;
  readonly announcements: readonly Announcement[];
  /** Facts from monitoring or an earlier run. */
  readonly facts: PeerFacts | undefined;
  /** Number of announcements that the peer has answered. */
  told: number;
  /** Addresses, the one in use first. */
  addresses: readonly string[];
  /** The next turn asks the name service. */
  needsLookup: boolean;
  /** Port of the peer's NSM; undefined until rpcbind has answered. */
  way: Way | undefined;
  /** Turns so far. */
  turns: number;
  /** Failed turns since the last progress; index into the schedule's pauses. */
  failures: number;
  /** Fault of the last failed turn. */
  lastFault: string | undefined;
  /** Start of the present attempt, and its length: the next attempt is due at its end. */
  startedAt: number;
  pauseMs: number;
  /** Time of the next turn, and the tie-breaker among peers due at one time. */
  dueAt: number;
  readonly sequence: number;
  hadPort: boolean;
  wayFailures: number;
  addressFailures: number;
}

export class NotifyList {
  readonly #schedule: RetrySchedule;
  readonly #random: () => number;
  readonly #idle = new Heap<NotifyPeer>(isBefore);
  readonly #busy = new Set<NotifyPeer>();
  #added = 0;

  /** `random` returns numbers in [0, 1). */
  constructor(schedule: RetrySchedule, random: () => number) {
    this.#schedule = schedule;
    this.#random = random;
  }

  /** Number of peers that are not settled. */
  get size(): number {
    return this.#idle.size + this.#busy.size;
  }

  /** Adds a peer that is due at once. Without addresses, its name is looked up first. */
  add(
    record: NotifyRecord,
    announcements: readonly Announcement[],
    addresses: readonly string[],
    now: number,
    facts?: PeerFacts,
  ): void {
    this.#idle.push({
      record,
      announcements,
      facts,
      told: 0,
      addresses,
      needsLookup: addresses.length === 0,
      way: undefined,
      turns: 0,
      failures: 0,
      lastFault: undefined,
      startedAt: now,
      pauseMs: 0,
      dueAt: now,
      sequence: this.#added++,
      hadPort: false,
      wayFailures: 0,
      addressFailures: 0,
    });
  }

  /** Time of the next due peer; undefined if none waits. */
  get nextDue(): number | undefined {
    return this.#idle.first?.dueAt;
  }

  /** Time of the next attempt, including peers in their turn; undefined if no peer is left. */
  get nextAttempt(): number | undefined {
    let first = this.nextDue ?? Infinity;
    for (const { startedAt, pauseMs } of this.#busy) first = Math.min(first, startedAt + pauseMs);
    return first === Infinity ? undefined : first;
  }

  /** Starts the turn of the first due peer; ended by `failed` or `settle`. */
  take(now: number): NotifyPeer | undefined {
    const peer = this.#idle.first;
    if (peer === undefined || peer.dueAt > now) return undefined;
    this.#idle.pop();
    this.#busy.add(peer);
    peer.turns++;
    this.#begin(peer, now);
    return peer;
  }

  /** Merges addresses from the name service, ahead of the ones known before. */
  addressesFound(peer: NotifyPeer, found: readonly string[], now: number): void {
    const isNew = peer.addresses.length === 0;
    const [current] = peer.addresses;
    // An address in use stays in use while the name still resolves to it.
    const first = current !== undefined && found.includes(current) ? [current] : [];
    peer.addresses = [...new Set([...first, ...found, ...peer.addresses])];
    peer.needsLookup = false;
    if (isNew) this.#begin(peer, now);
  }

  /** Notes a port from rpcbind. The first one is progress, and resets the pauses. */
  portFound(peer: NotifyPeer, now: number): void {
    if (!peer.hadPort) peer.failures = 0;
    peer.hadPort = true;
    peer.wayFailures = 0;
    this.#begin(peer, now);
  }

  /** Notes an answered announcement; returns whether it was the last. */
  told(peer: NotifyPeer, announcement: number, way: Way, now: number): boolean {
    if (announcement === peer.told) peer.told++;
    peer.way = way;
    peer.failures = 0;
    peer.wayFailures = 0;
    this.#begin(peer, now);
    return peer.told === peer.announcements.length;
  }

  /** Ends a failed turn; the next turn starts when the attempt's time is over. `way`: the port, if known. */
  failed(peer: NotifyPeer, now: number, fault: string, address?: string, way?: Way): void {
    peer.lastFault = fault;
    peer.failures++;
    peer.wayFailures = way === undefined ? 0 : peer.wayFailures + 1;
    peer.way = peer.wayFailures < PORT_TRIES && peer.addresses.length === 1 ? way : undefined;
    this.#nextAddress(peer, address);
    peer.dueAt = Math.max(now, peer.startedAt + peer.pauseMs);
    this.#busy.delete(peer);
    this.#idle.push(peer);
  }

  /**
   * Records that an address is unreachable. Returns whether the turn continues with another address
   * that it has not tried.
   */
  unreachable(peer: NotifyPeer, address: string | undefined, tried: number): boolean {
    if (tried >= peer.addresses.length) return false;
    this.#nextAddress(peer, address);
    return true;
  }

  isBusy(peer: NotifyPeer): boolean {
    return this.#busy.has(peer);
  }

  /** Removes a peer that was told, or that no longer has to be. */
  settle(peer: NotifyPeer): void {
    this.#busy.delete(peer);
  }

  /** Removes and returns all peers, in the order of insertion. */
  giveUp(): NotifyPeer[] {
    const left = [...this.#busy, ...this.#idle.clear()];
    this.#busy.clear();
    return left.sort((a, b) => a.sequence - b.sequence);
  }

  #begin(peer: NotifyPeer, now: number): void {
    const { pausesMs } = this.#schedule;
    const pause = pausesMs[Math.min(peer.failures, pausesMs.length - 1)]!;
    peer.startedAt = now;
    peer.pauseMs = Math.round(pause * (1 + JITTER * (2 * this.#random() - 1)));
  }

  /** Rotates the addresses; after a full round the name service is asked again. */
  #nextAddress(peer: NotifyPeer, failed: string | undefined): void {
    peer.addressFailures++;
    const [first, ...others] = peer.addresses;
    // A look-up may have changed the first address meanwhile.
    if (first !== undefined && first === failed && others.length > 0) {
      peer.addresses = [...others, first];
    }
    if (peer.addressFailures >= peer.addresses.length) {
      peer.addressFailures = 0;
      peer.needsLookup = !isAddress(peer.record.fileName);
    }
  }
}

/** Order of the list. */
function isBefore(a: NotifyPeer, b: NotifyPeer): boolean {
  if (a.dueAt !== b.dueAt) return a.dueAt < b.dueAt;
  if (a.record.modifiedAt !== b.record.modifiedAt) return a.record.modifiedAt > b.record.modifiedAt;
  return a.sequence < b.sequence;
}

/**
 * Announcements of a set of names: each in full, then cut at the first dot, since peers may have
 * registered us under either. An address is not cut.
 */
export function announcementsOf(names: readonly string[]): Announcement[] {
  const announcements: Announcement[] = [];
  names.forEach((full, source) => {
    const dot = isAddress(full) ? -1 : full.indexOf(".");
    for (const name of dot > 0 ? [full, full.slice(0, dot)] : [full]) {
      if (!announcements.some((other) => other.name === name)) announcements.push({ name, source });
    }
  });
  return announcements;
}

/** Whether a text is an address: no host name has a colon, or is four numbers with dots. */
export function isAddress(name: string): boolean {
  return name.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}
