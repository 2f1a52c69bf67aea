/**
 * Tells the peers on the notify list that this host has rebooted. Drives {@link NotifyList} with a
 * clock, a resolver and remote calls: nobody waits for another one's silence, name or connection.
 *
 * Limits: as many datagrams on their way at one time as pacer.ts says, whose answers are awaited much
 * longer; as many connections as notify_route.ts says; look-ups as the resolver allows.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils sm-notify(8) for what is announced and when a record
 * goes.
 */

import type { Log } from "../log.ts";
import { quote } from "../quote.ts";
import { nameKey } from "./host_name.ts";
import {
  type Announcement,
  isAddress,
  NotifyList,
  type NotifyPeer,
  type Way,
} from "./notify_list.ts";
import { type NotifyCounts, type NotifyReport, shown } from "./notify_outcome.ts";
import { RouteFollower, type RouteResult } from "./notify_route.ts";
import { type Route, type RouteSettings, routesOf } from "./notify_ways.ts";
import { Pacer } from "./pacer.ts";
import {
  type CallPeer,
  type Clock,
  type NotifyRecord,
  type NotifyStore,
  type PeerFacts,
  type PeerMemory,
  type Resolver,
  sleep,
} from "./ports.ts";
import type { RetrySchedule } from "./retry_schedule.ts";

/**
 * How long the preferred route is alone in a turn with several, in ms: longer than a round trip to the
 * other side of the world, so that a peer that does answer is not told twice.
 */
const HEAD_START_MS = 400;

/** Peers of which something is kept to be written together; a crash loses it, which costs time only. */
const LEARNED_MAX = 256;

/** What the notifier works with. */
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
}

/** How peers are told. */
export interface NotifierSettings extends RouteSettings {
  /** Our state number, as peers are told it. */
  readonly stateNumber: number;
  readonly schedule: RetrySchedule;
  /** When to give up, in ms from the start; Infinity is never. */
  readonly totalMs: number;
  /** What a record's peer is told; the sources belong to {@link NotifierParts.sources}. */
  readonly announcements: (record: NotifyRecord) => readonly Announcement[];
}

export class Notifier {
  readonly #parts: NotifierParts;
  readonly #settings: NotifierSettings;
  readonly #list: NotifyList;
  readonly #pacer: Pacer;
  readonly #startedAt: number;
  readonly #counts = { total: 0, told: 0, forgotten: 0, gaveUp: 0, failing: 0 };
  readonly #follower: RouteFollower;
  /** What is to be remembered of peers that were told, by name. */
  readonly #learned = new Map<string, Partial<PeerFacts>>();
  readonly #removals = new Set<Promise<void>>();
  readonly #lookingUp = new Set<NotifyPeer>();
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(
    parts: NotifierParts,
    settings: NotifierSettings,
    records: readonly NotifyRecord[],
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#list = new NotifyList(settings.schedule, parts.random);
    this.#pacer = new Pacer(parts.clock, () => this.#wake?.());
    this.#follower = new RouteFollower(parts, this.#list, this.#pacer, settings.stateNumber);
    this.#startedAt = parts.clock.now();
    const remembered = parts.memory.load();
    for (const record of records) {
      const facts = remembered.get(nameKey(record.monName));
      const own = isAddress(record.fileName) ? [record.fileName] : [];
      const addresses = [...new Set([...facts?.addresses ?? [], ...own])];
      const announcements = settings.announcements(record);
      this.#list.add(record, announcements, addresses, this.#startedAt, facts);
    }
    this.#counts.total = records.length;
  }

  get counts(): NotifyCounts {
    return this.#counts;
  }

  /**
   * Returns when every peer is settled, time is over, or the signal was aborted; those that are left
   * stay in the store.
   */
  async run(signal?: AbortSignal): Promise<NotifyCounts> {
    const { clock } = this.#parts;
    const endsAt = this.#startedAt + this.#settings.totalMs;
    const wake = () => this.#wake?.();
    signal?.addEventListener("abort", wake);
    while (this.#list.size > 0 && clock.now() < endsAt && !signal?.aborted) {
      const now = clock.now();
      while (this.#pacer.hasRoom) {
        const peer = this.#list.take(now);
        if (peer === undefined) break;
        void this.#turn(peer);
      }
      if (this.#list.size > 0) await this.#sleep(endsAt);
    }
    signal?.removeEventListener("abort", wake);
    this.#isOver = true;
    this.#follower.stop();
    this.#pacer.stop();
    const left = this.#list.giveUp();
    this.#saveLearned();
    await Promise.all(this.#removals);
    for (const peer of left) {
      if (!signal?.aborted) {
        this.#parts.log.notice(`Unable to notify ${shown(peer.record.fileName)}, giving up`);
      }
      this.#counts.gaveUp++;
      this.#report(peer, "gave up");
    }
    return this.#counts;
  }

  /** Waits until somebody is due and there is room for it, or something has happened. */
  async #sleep(endsAt: number): Promise<void> {
    const { clock } = this.#parts;
    const due = this.#pacer.hasRoom ? this.#list.nextDue ?? Infinity : Infinity;
    const until = Math.min(due, endsAt);
    await new Promise<void>((resolve) => {
      const cancel = until === Infinity
        ? () => {}
        : clock.startTimer(Math.max(0, until - clock.now()), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** One turn of one peer: what there is to try now, at the same time, until one of it succeeds. */
  async #turn(peer: NotifyPeer): Promise<void> {
    const { clock, store } = this.#parts;
    if (peer.turns > 1 && !store.has(peer.record)) {
      this.#settle(peer, "forgotten");
      return;
    }
    let fault = "";
    let failedWay: Way | undefined;
    let address: string | undefined;
    if (peer.needsLookup && !this.#lookingUp.has(peer)) {
      const lookUp = this.#lookUp(peer);
      // Where an address is known the name service is not waited for, but for a moment.
      if (peer.addresses.length === 0) fault = await lookUp ?? "";
      else await Promise.race([lookUp, sleep(clock, HEAD_START_MS)]);
    }
    for (let tried = 1; peer.addresses.length > 0; tried++) {
      const routes = routesOf(peer, this.#settings);
      address = peer.addresses[0];
      const results = await this.#follow(peer, routes);
      if (this.#isOver || peer.told === peer.announcements.length) return;
      fault = results.map((result) => result.fault).join("; ");
      failedWay = results[0]!.way;
      const isUnreachable = results.every((result) => result.isUnreachable);
      if (!isUnreachable || !this.#list.unreachable(peer, address, tried)) break;
    }
    if (this.#isOver) return;
    if (peer.lastFault === undefined) this.#counts.failing++;
    this.#parts.log.debug(() => `Cannot notify ${quote(peer.record.fileName)} yet: ${fault}`);
    this.#list.failed(peer, clock.now(), fault, address, failedWay);
    this.#wake?.();
  }

  /** Follows the preferred route, and the others when it brings nothing soon. */
  async #follow(peer: NotifyPeer, [first, ...others]: Route[]): Promise<RouteResult[]> {
    const follow = async (route: Route, isPreferred: boolean) => {
      const result = await this.#follower.follow(peer, route, isPreferred);
      if (result.isTold) this.#settle(peer, "told");
      return result;
    };
    const preferred = follow(first!, true);
    if (others.length === 0) return [await preferred];
    await Promise.race([preferred, sleep(this.#parts.clock, HEAD_START_MS)]);
    if (this.#isOver || peer.told === peer.announcements.length) return [await preferred];
    return await Promise.all([preferred, ...others.map((route) => follow(route, false))]);
  }

  /** Asks the name service; returns why it has no answer. */
  async #lookUp(peer: NotifyPeer): Promise<string | undefined> {
    const { clock, log, resolver } = this.#parts;
    const { fileName } = peer.record;
    this.#lookingUp.add(peer);
    const found = await resolver.addressesOf(fileName);
    this.#lookingUp.delete(peer);
    if (found.outcome === "found") {
      this.#list.addressesFound(peer, found.value.addresses, clock.now());
      return undefined;
    }
    if (peer.lastFault === undefined && !this.#isOver) {
      log.warning(`DNS resolution of ${shown(fileName)} failed; retrying later`);
    }
    return found.reason;
  }

  #settle(peer: NotifyPeer, outcome: "told" | "forgotten"): void {
    const { log, store } = this.#parts;
    const { record, way } = peer;
    this.#list.settle(peer);
    this.#counts[outcome]++;
    if (peer.lastFault !== undefined) this.#counts.failing--;
    if (outcome === "told") {
      const removal = store.remove(record).catch((error) => {
        // It is told again after the next reboot, which does no harm.
        log.error(`Cannot take ${quote(record.fileName)} off the notify list: ${reasonOf(error)}`);
      }).finally(() => this.#removals.delete(removal));
      this.#removals.add(removal);
      if (way !== undefined) {
        const { transport, port, address } = way;
        const addresses = [...new Set([address, ...peer.addresses])];
        const toldAt = this.#parts.clock.wallClock();
        this.#learned.set(nameKey(record.monName), { addresses, transport, port, toldAt });
        if (this.#learned.size >= LEARNED_MAX) this.#saveLearned();
      }
      log.debug(() =>
        `Notified ${quote(record.fileName)} at ${way?.address} over ${way?.transport}`
      );
    }
    this.#report(peer, outcome);
    this.#wake?.();
  }

  /** The memory writes what is saved in one turn of the event loop at once. */
  #saveLearned(): void {
    // Beside what statd may have noted meanwhile.
    for (const [monName, facts] of this.#learned) this.#parts.memory.note(monName, facts);
    this.#learned.clear();
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

/** What a peer's first turn had come to when it was cut short. */
function unfinished({ addresses: [address] }: NotifyPeer): string {
  return address === undefined ? "no address was found yet" : `no answer came yet from ${address}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
