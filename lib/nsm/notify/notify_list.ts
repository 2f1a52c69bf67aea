/**
 * The notify list: who is due, and when it is tried again. A function of what happened and of the time
 * it is told; it has no clock and does no I/O. What happens in a turn is in peer_turn.ts.
 *
 * Peers are taken by due time; of those that are due at the same time newer records come first, then
 * those added first. A step costs O(log n).
 *
 * Source: nfs-utils' schedule and order as observed, except that a failed attempt moves on to the next
 * address at once (nfs-utils: after four), and that a peer whose rpcbind knows no NSM is asked again by
 * the same schedule as others (nfs-utils: after 120 s).
 */

import type { NotifyRecord, PeerFacts } from "../ports.ts";
import type { RetrySchedule } from "./retry_schedule.ts";
import { Heap } from "../heap.ts";

/** Pauses vary by this much up and down, so that peers that failed together do not stay together. */
const JITTER = 0.05;

/** Notices without an answer after which a port that rpcbind named is asked for again. */
const PORT_TRIES = 2;

/** One name under which we are announced, and the source (by number) that it belongs to. */
export interface Announcement {
  readonly name: string;
  readonly source: number;
}

/** Port and transport of a peer's NSM. */
export interface Way {
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
}

/** One record of the notify list and how far it has come. Only {@link NotifyList} changes it. */
export interface NotifyPeer {
  readonly record: NotifyRecord;
  readonly announcements: readonly Announcement[];
  /** Facts from monitoring or an earlier run. */
  readonly facts: PeerFacts | undefined;
  /** Announcements that the peer has answered. */
  told: number;
  /** Addresses, the one to use now first. */
  addresses: readonly string[];
  /** The name service is to be asked at the next turn. */
  needsLookup: boolean;
  /** Port of its NSM; undefined until rpcbind was asked. */
  way: Way | undefined;
  /** Turns so far. */
  turns: number;
  /** Turns without progress since the last progress; counts up the schedule's pauses. */
  failures: number;
  /** Why the last one failed. */
  lastFault: string | undefined;
  /** When the present attempt began, and how long it may last: its end is when the next is due. */
  startedAt: number;
  pauseMs: number;
  /** Time of its next turn, and its place among peers that are due then. */
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

  /** `random` gives numbers from 0 to below 1. */
  constructor(schedule: RetrySchedule, random: () => number) {
    this.#schedule = schedule;
    this.#random = random;
  }

  /** Peers that are not settled yet. */
  get size(): number {
    return this.#idle.size + this.#busy.size;
  }

  /** Adds a peer that is due at once. Without addresses its name is looked up first. */
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

  /** When the next peer is due; undefined if none waits. */
  get nextDue(): number | undefined {
    return this.#idle.first?.dueAt;
  }

  /** Time of the first attempt that has not begun; undefined where nobody is left. */
  get nextAttempt(): number | undefined {
    let first = this.nextDue ?? Infinity;
    for (const { startedAt, pauseMs } of this.#busy) first = Math.min(first, startedAt + pauseMs);
    return first === Infinity ? undefined : first;
  }

  /** Begins the turn of the first peer that is due; it ends with `failed` or `settle`. */
  take(now: number): NotifyPeer | undefined {
    const peer = this.#idle.first;
    if (peer === undefined || peer.dueAt > now) return undefined;
    this.#idle.pop();
    this.#busy.add(peer);
    peer.turns++;
    this.#begin(peer, now);
    return peer;
  }

  /** The name service answered: its addresses are used first, then known ones. */
  addressesFound(peer: NotifyPeer, found: readonly string[], now: number): void {
    const isNew = peer.addresses.length === 0;
    const [current] = peer.addresses;
    // An address in use stays in use while the name still stands for it.
    const first = current !== undefined && found.includes(current) ? [current] : [];
    peer.addresses = [...new Set([...first, ...found, ...peer.addresses])];
    peer.needsLookup = false;
    if (isNew) this.#begin(peer, now);
  }

  /** rpcbind named the port; the first time is progress, and begins the pauses anew. */
  portFound(peer: NotifyPeer, now: number): void {
    if (!peer.hadPort) peer.failures = 0;
    peer.hadPort = true;
    peer.wayFailures = 0;
    this.#begin(peer, now);
  }

  /** The peer answered an announcement. Returns whether it was the last. */
  told(peer: NotifyPeer, announcement: number, way: Way, now: number): boolean {
    if (announcement === peer.told) peer.told++;
    peer.way = way;
    peer.failures = 0;
    peer.wayFailures = 0;
    this.#begin(peer, now);
    return peer.told === peer.announcements.length;
  }

  /**
   * Ends a turn without success at an address, or without any; the next one comes when the attempt's
   * time is over. `way` is where the port was known.
   */
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
   * Nothing could be sent to the present address. Returns whether there is another one that was not
   * tried in this turn; the turn then goes on with that.
   */
  unreachable(peer: NotifyPeer, address: string | undefined, tried: number): boolean {
    if (tried >= peer.addresses.length) return false;
    this.#nextAddress(peer, address);
    return true;
  }

  /** True while a peer's turn is under way. */
  isBusy(peer: NotifyPeer): boolean {
    return this.#busy.has(peer);
  }

  /** Takes a peer off the list: it was told, or is no longer to be told. */
  settle(peer: NotifyPeer): void {
    this.#busy.delete(peer);
  }

  /** Takes everybody off the list, in the order in which they were added. */
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

  /** The next address comes first; once all had their turn the name service is asked again. */
  #nextAddress(peer: NotifyPeer, failed: string | undefined): void {
    peer.addressFailures++;
    const [first, ...others] = peer.addresses;
    // The name service may have put another one in its place meanwhile.
    if (first !== undefined && first === failed && others.length > 0) {
      peer.addresses = [...others, first];
    }
    if (peer.addressFailures >= peer.addresses.length) {
      peer.addressFailures = 0;
      peer.needsLookup = !isAddress(peer.record.fileName);
    }
  }
}

/** True if a peer is taken before another one. */
function isBefore(a: NotifyPeer, b: NotifyPeer): boolean {
  if (a.dueAt !== b.dueAt) return a.dueAt < b.dueAt;
  if (a.record.modifiedAt !== b.record.modifiedAt) return a.record.modifiedAt > b.record.modifiedAt;
  return a.sequence < b.sequence;
}

/**
 * The announcements of a set of names: each fully, then cut at its first dot, since peers may have
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

/** True for an address: no name has a colon, or four numbers with dots between. */
export function isAddress(name: string): boolean {
  return name.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}
