/**
 * Notifier: tells the peers on the notify list that this host has rebooted. It drives {@link
 * NotifyList} with a clock, a resolver and remote calls. No peer waits for another peer's silence,
 * name or connection. Limits: datagrams in flight (pacer.ts), connections (peer_turn.ts), look-ups
 * (resolver).
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils sm-notify(8) for what is announced and when a
 * record goes.
 */

import type { Log } from "../../log.ts";
import { plural } from "../../quote.ts";
import { reasonOf } from "../../reason.ts";
import type { Clock } from "../../time/clock.ts";
import { nameKey } from "../host_name.ts";
import type { CallPeer, NotifyRecord, NotifyStore, PeerMemory, Resolver } from "../ports.ts";
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

/** Unresolved names that are logged during the run. */
const UNRESOLVED_NAMED_MAX = 2;

/** Dependencies of the notifier. */
export interface NotifierParts {
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly store: Pick<NotifyStore, "remove" | "has">;
  readonly memory: PeerMemory;
  /** Sources from which calls leave, one for each name that we are announced under. */
  readonly sources: readonly CallPeer[];
  readonly log: Log;
  readonly random: () => number;
  /** Called for each settled peer. */
  readonly onSettled?: (report: NotifyReport) => void;
  /** Called for each failed turn. */
  readonly onFailed?: (failure: NotifyFailure) => void;
}

/** Settings of a run. */
export interface NotifierSettings extends RouteSettings {
  /** Our state number, sent to peers. */
  readonly stateNumber: number;
  readonly schedule: RetrySchedule;
  /** Time limit of the run, in ms from the start; Infinity: none. */
  readonly totalMs: number;
  /** Announcements to a record's peer; their sources are indices of {@link NotifierParts.sources}. */
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
  /** Ends the run; undefined unless the run is in progress. */
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

  /** Time until the next attempt, in ms; Infinity if none is pending. */
  get nextTryMs(): number {
    return Math.max(0, (this.#list.nextAttempt ?? Infinity) - this.#parts.clock.now());
  }

  /** Number of told peers whose records could not be removed. */
  get unremoved(): number {
    return this.#told.unremoved;
  }

  /**
   * Runs until every peer is settled, time is up, or the signal is aborted. Remaining peers stay in
   * the store.
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

  /** Starts the due turns that have room, and sets the alarm for the next one. */
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

  /** Runs one turn of a peer. Never rejects. */
  async #turn(peer: NotifyPeer): Promise<void> {
    try {
      if (peer.turns > 1 && !this.#parts.store.has(peer.record)) {
        return this.#settle(peer, "forgotten");
      }
      const failed = await this.#turns.take(peer);
      if (failed !== undefined && !this.#isOver) this.#failed(peer, failed);
    } catch (error) {
      // Unforeseen error: the peer is retried like any other.
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
      log.warning("DNS resolution of more names failed; peers not told are named at the end");
    }
  }

  #settle(peer: NotifyPeer, outcome: "told" | "forgotten"): void {
    this.#list.settle(peer);
    this.#counts[outcome]++;
    if (peer.lastFault !== undefined) this.#counts.failing--;
    if (outcome === "told") this.#told.add(peer);
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

/** Log line about a peer that was given up, with address, reason and number of attempts. */
function givingUp(peer: NotifyPeer): string {
  const { record, addresses: [address], turns, lastFault } = peer;
  const where = address === undefined || address === record.fileName ? "" : ` at ${address}`;
  const tries = plural(turns, "attempt");
  return `Unable to notify ${withoutQuotes(record.fileName)}, giving up${where} after ${tries}: ` +
    (lastFault ?? unfinished(peer));
}

/** Fault text of a peer whose first turn was cut short. */
function unfinished({ addresses: [address] }: NotifyPeer): string {
  return address === undefined ? "no address was found yet" : `no answer came yet from ${address}`;
}
