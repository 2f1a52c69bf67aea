/**
 * Tells the peers on the notify list that this host has rebooted. Drives {@link NotifyList} with a
 * clock, a resolver and remote calls: nobody waits for another one's silence, name or connection.
 * Limits: as many datagrams on their way at one time as pacer.ts says, whose answers are awaited much
 * longer; as many connections as peer_turn.ts says; look-ups as the resolver allows.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils sm-notify(8) for what is announced and when a record
 * goes.
 */

import type { Log } from "../../log.ts";
import { plural, quote } from "../../quote.ts";
import type { Clock } from "../../time/clock.ts";
import { nameKey } from "../host_name.ts";
import {
  type CallPeer,
  type NotifyRecord,
  type NotifyStore,
  type PeerMemory,
  reasonOf,
  type Resolver,
} from "../ports.ts";
import { Alarm } from "./alarm.ts";
import { FaultLines } from "./fault_lines.ts";
import { type Announcement, isAddress, NotifyList, type NotifyPeer } from "./notify_list.ts";
import {
  type NotifyCounts,
  type NotifyFailure,
  type NotifyReport,
  withoutQuotes,
} from "./notify_outcome.ts";
import { Pacer } from "./pacer.ts";
import { PeerTurns, type RouteSettings, type TurnFault } from "./peer_turn.ts";
import type { RetrySchedule } from "./retry_schedule.ts";
import { ToldPeers } from "./told_peers.ts";

/** Names without an address that get a line of their own before the end, in number. */
const UNRESOLVED_NAMED_MAX = 2;

/** Parts of the notifier. */
export interface NotifierParts {
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly store: Pick<NotifyStore, "remove" | "has">;
  readonly memory: PeerMemory;
  /** The sources from which calls leave, one for each name that we are announced under. */
  readonly sources: readonly CallPeer[];
  readonly log: Log;
  readonly random: () => number;
  /** Is told of each peer that is settled. */
  readonly onSettled?: (report: NotifyReport) => void;
  /** Is told of each turn of a peer that has failed. */
  readonly onFailed?: (failure: NotifyFailure) => void;
}

/** Rules by which peers are told. */
export interface NotifierSettings extends RouteSettings {
  /** Our state number, as peers are told it. */
  readonly stateNumber: number;
  readonly schedule: RetrySchedule;
  /** When to give up, in ms from the start; Infinity is never. */
  readonly totalMs: number;
  /** Announcements to a record's peer; the sources belong to {@link NotifierParts.sources}. */
  readonly announcements: (record: NotifyRecord) => readonly Announcement[];
}

export class Notifier {
  readonly #parts: NotifierParts;
  readonly #settings: NotifierSettings;
  readonly #list: NotifyList;
  readonly #pacer: Pacer;
  readonly #startedAt: number;
  readonly #counts = { total: 0, told: 0, forgotten: 0, gaveUp: 0, failing: 0 };
  readonly #turns: PeerTurns;
  readonly #told: ToldPeers;
  readonly #faults: FaultLines;
  #unresolvedPeers = 0;
  readonly #alarm: Alarm;
  /** Ends the run; nothing but while it goes on. */
  #end: (() => void) | undefined;
  #isBeginning = false;

  constructor(
    parts: NotifierParts,
    settings: NotifierSettings,
    records: readonly NotifyRecord[],
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#list = new NotifyList(settings.schedule, parts.random);
    this.#alarm = new Alarm(parts.clock, () => this.#beginTurns());
    this.#pacer = new Pacer(parts.clock, () => this.#beginTurns());
    this.#turns = new PeerTurns({
      ...parts,
      settings,
      list: this.#list,
      pacer: this.#pacer,
      onTold: (peer) => this.#settle(peer, "told"),
      onUnresolved: (peer) => this.#unresolved(peer),
    });
    this.#faults = new FaultLines(parts.log);
    this.#told = new ToldPeers(parts);
    this.#startedAt = parts.clock.now();
    const remembered = parts.memory.load();
    for (const record of records) {
      const facts = remembered.get(nameKey(record.monName));
      const { fileName } = record;
      const known = facts?.addresses ?? [];
      const isOwn = isAddress(fileName) && !known.includes(fileName);
      const addresses = isOwn ? [...known, fileName] : known;
      const announcements = settings.announcements(record);
      this.#list.add(record, announcements, addresses, this.#startedAt, facts);
    }
    this.#counts.total = records.length;
  }

  get #isOver(): boolean {
    return this.#end === undefined;
  }

  get counts(): NotifyCounts {
    return this.#counts;
  }

  /** Time until a peer is tried again, in ms; Infinity where nobody waits. */
  get nextTryMs(): number {
    return Math.max(0, (this.#list.nextAttempt ?? Infinity) - this.#parts.clock.now());
  }

  /** Records of told peers that could not be removed, in number. */
  get unremoved(): number {
    return this.#told.unremoved;
  }

  /**
   * Returns when every peer is settled, time is over, or the signal was aborted; those that are left
   * stay in the store.
   */
  async run(signal?: AbortSignal): Promise<NotifyCounts> {
    const abort = () => this.#end?.();
    signal?.addEventListener("abort", abort);
    if (!signal?.aborted) {
      await new Promise<void>((resolve) => {
        this.#end = resolve;
        this.#beginTurns();
      });
      this.#end = undefined;
    }
    signal?.removeEventListener("abort", abort);
    this.#alarm.set(Infinity);
    this.#turns.stop();
    this.#pacer.stop();
    const left = this.#list.giveUp();
    await this.#told.removeAll();
    for (const peer of left) {
      if (!signal?.aborted) this.#parts.log.warning(givingUp(peer));
      this.#counts.gaveUp++;
      this.#report(peer, "gave up");
    }
    return this.#counts;
  }

  /** Begins the turns that are due and have room; sees to it that it is called for the next one. */
  #beginTurns(): void {
    // Re-entrant call: the outer loop picks up the new work.
    if (this.#end === undefined || this.#isBeginning) return;
    const now = this.#parts.clock.now();
    const endsAt = this.#startedAt + this.#settings.totalMs;
    this.#isBeginning = true;
    while (now < endsAt && this.#pacer.hasRoom) {
      const peer = this.#list.take(now);
      if (peer === undefined) break;
      void this.#turn(peer);
    }
    this.#isBeginning = false;
    if (this.#pacer.isIdle || this.#told.isFull) this.#told.remove();
    if (now >= endsAt || this.#list.size === 0) return this.#end();
    const due = this.#pacer.hasRoom ? this.#list.nextDue ?? Infinity : Infinity;
    this.#alarm.set(Math.min(due, endsAt));
  }

  /** One turn of one peer. It never rejects. */
  async #turn(peer: NotifyPeer): Promise<void> {
    try {
      if (peer.turns > 1 && !this.#parts.store.has(peer.record)) {
        return this.#settle(peer, "forgotten");
      }
      const failed = await this.#turns.take(peer);
      if (failed !== undefined && !this.#isOver) this.#failed(peer, failed);
    } catch (error) {
      // An unforeseen error: the peer is tried again like any other.
      const failed = { fault: reasonOf(error), address: undefined, way: undefined };
      if (!this.#isOver && this.#list.isBusy(peer)) this.#failed(peer, failed);
    }
  }

  #failed(peer: NotifyPeer, { fault, address, way }: TurnFault): void {
    if (peer.lastFault === undefined) this.#counts.failing++;
    this.#faults.failed(peer.record.fileName, fault, peer.lastFault);
    const isNew = fault !== peer.lastFault;
    this.#list.failed(peer, this.#parts.clock.now(), fault, address, way);
    this.#parts.onFailed?.({
      record: peer.record,
      address,
      reason: fault,
      attempts: peer.turns,
      nextMs: Math.max(0, peer.dueAt - this.#parts.clock.now()),
      isNew,
    });
    this.#beginTurns();
  }

  #unresolved({ record, lastFault }: NotifyPeer): void {
    if (lastFault !== undefined || this.#isOver) return;
    const { log } = this.#parts;
    if (++this.#unresolvedPeers <= UNRESOLVED_NAMED_MAX) {
      log.warning(`DNS resolution of ${withoutQuotes(record.fileName)} failed; retrying later`);
    } else if (this.#unresolvedPeers === UNRESOLVED_NAMED_MAX + 1) {
      log.warning("DNS resolution of more names failed; who is not told is named at the end");
    }
  }

  #settle(peer: NotifyPeer, outcome: "told" | "forgotten"): void {
    const { record, way } = peer;
    this.#list.settle(peer);
    this.#counts[outcome]++;
    if (peer.lastFault !== undefined) this.#counts.failing--;
    if (outcome === "told") {
      this.#told.add(peer);
      this.#parts.log.debug(() =>
        `Notified ${quote(record.fileName)} at ${way?.address} over ${way?.transport}`
      );
    }
    this.#report(peer, outcome);
    this.#beginTurns();
  }

  #report(peer: NotifyPeer, outcome: NotifyReport["outcome"]): void {
    this.#parts.onSettled?.({
      record: peer.record,
      outcome,
      address: peer.way?.address ?? peer.addresses[0],
      transport: peer.way?.transport,
      attempts: peer.turns,
      elapsedMs: this.#parts.clock.now() - this.#startedAt,
      fault: outcome === "told" ? undefined : peer.lastFault ?? unfinished(peer),
    });
  }
}

/** The line about a peer that was not told, with where, why and how often it was tried. */
function givingUp(peer: NotifyPeer): string {
  const { record, addresses: [address], turns, lastFault } = peer;
  const where = address === undefined || address === record.fileName ? "" : ` at ${address}`;
  const tries = plural(turns, "attempt");
  return `Unable to notify ${withoutQuotes(record.fileName)}, giving up${where} after ${tries}: ` +
    (lastFault ?? unfinished(peer));
}

/** Result of a peer's first turn that was cut short. */
function unfinished({ addresses: [address] }: NotifyPeer): string {
  return address === undefined ? "no address was found yet" : `no answer came yet from ${address}`;
}
