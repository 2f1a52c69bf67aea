/**
 * Tells the peers on the notify list that this host has rebooted. Drives {@link NotifyList} with a
 * clock, a resolver and remote calls: nobody waits for another one's silence, name or connection.
 * Limits: as many datagrams on their way at one time as pacer.ts says, whose answers are awaited much
 * longer; as many connections as notify_route.ts says; look-ups as the resolver allows.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils sm-notify(8) for what is announced and when a record
 * goes.
 */

import type { Log } from "../../log.ts";
import { quote } from "../../quote.ts";
import { Alarm } from "./alarm.ts";
import { nameKey } from "../host_name.ts";
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
import { type CallPeer, type NotifyRecord, type NotifyStore } from "../ports.ts";
import { type PeerMemory, reasonOf, type Resolver } from "../ports.ts";
import type { RetrySchedule } from "./retry_schedule.ts";
import { ToldPeers } from "./told_peers.ts";
import { type Clock, sleep } from "../../time/clock.ts";

/**
 * How long the preferred route is alone in a turn with several, in ms: longer than a round trip to the
 * other side of the world, so that a peer that does answer is not told twice.
 */
const HEAD_START_MS = 400;

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
  readonly #told: ToldPeers;
  readonly #lookingUp = new Set<NotifyPeer>();
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
    this.#follower = new RouteFollower({
      clock: parts.clock,
      sources: parts.sources,
      list: this.#list,
      pacer: this.#pacer,
      stateNumber: settings.stateNumber,
      onTold: (peer) => this.#settle(peer, "told"),
    });
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
    this.#follower.stop();
    this.#pacer.stop();
    const left = this.#list.giveUp();
    await this.#told.removeAll();
    for (const peer of left) {
      if (!signal?.aborted) {
        this.#parts.log.notice(`Unable to notify ${shown(peer.record.fileName)}, giving up`);
      }
      this.#counts.gaveUp++;
      this.#report(peer, "gave up");
    }
    return this.#counts;
  }

  /** Begins the turns that are due and have room; sees to it that it is called for the next one. */
  #beginTurns(): void {
    // What happens in the beginning of a turn is seen by the loop that is at it.
    if (this.#end === undefined || this.#isBeginning) return;
    const now = this.#parts.clock.now();
    const endsAt = this.#startedAt + this.#settings.totalMs;
    this.#isBeginning = true;
    while (now < endsAt && this.#pacer.hasRoom) {
      const peer = this.#list.take(now);
      if (peer === undefined) break;
      void this.#turn(peer).catch((error) => this.#turnFailed(peer, error));
    }
    this.#isBeginning = false;
    if (this.#pacer.isIdle || this.#told.isFull) this.#told.remove();
    if (now >= endsAt || this.#list.size === 0) return this.#end();
    const due = this.#pacer.hasRoom ? this.#list.nextDue ?? Infinity : Infinity;
    this.#alarm.set(Math.min(due, endsAt));
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
      else await Promise.race([lookUp, sleep(clock.startTimer, HEAD_START_MS)]);
    }
    for (let tried = 1; peer.addresses.length > 0; tried++) {
      address = peer.addresses[0];
      const routes = routesOf(peer, this.#settings);
      const results = routes.length === 1
        ? [await this.#follower.follow(peer, routes[0]!, true)]
        : await this.#followAll(peer, routes);
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
    this.#beginTurns();
  }

  /** Ends a turn in which something failed that nobody has foreseen: the peer is tried again. */
  #turnFailed(peer: NotifyPeer, error: unknown): void {
    if (this.#isOver || !this.#list.isBusy(peer)) return;
    const fault = reasonOf(error);
    this.#parts.log.warning(`Cannot notify ${quote(peer.record.fileName)} yet: ${fault}`);
    if (peer.lastFault === undefined) this.#counts.failing++;
    this.#list.failed(peer, this.#parts.clock.now(), fault);
    this.#beginTurns();
  }

  /** Follows the preferred route, and the others when it brings nothing soon. */
  async #followAll(peer: NotifyPeer, [first, ...others]: Route[]): Promise<RouteResult[]> {
    const preferred = this.#follower.follow(peer, first!, true);
    await Promise.race([preferred, sleep(this.#parts.clock.startTimer, HEAD_START_MS)]);
    if (this.#isOver || peer.told === peer.announcements.length) return [await preferred];
    const beside = others.map((route) => this.#follower.follow(peer, route, false));
    return await Promise.all([preferred, ...beside]);
  }

  /**
   * Asks the name service for the file's name, and then for the record's where that is another one;
   * returns why it has no answer. A record may hold an address though its file has a name that nobody
   * knows any more; nfs-utils goes by the file name alone.
   */
  async #lookUp(peer: NotifyPeer): Promise<string | undefined> {
    const { clock, log } = this.#parts;
    const { fileName, monName } = peer.record;
    this.#lookingUp.add(peer);
    let fault: string | undefined;
    const found: string[] = [];
    for (const name of nameKey(fileName) === nameKey(monName) ? [fileName] : [fileName, monName]) {
      const answer = await this.#addressesOf(name);
      if (answer.outcome === "found") found.push(...answer.value.addresses);
      else fault ??= answer.reason;
      if (found.length > 0 && !isAddress(monName)) break;
    }
    this.#lookingUp.delete(peer);
    if (found.length > 0) {
      this.#list.addressesFound(peer, found, clock.now());
      return undefined;
    }
    if (peer.lastFault === undefined && !this.#isOver) {
      log.warning(`DNS resolution of ${shown(fileName)} failed; retrying later`);
    }
    return fault;
  }

  async #addressesOf(name: string): ReturnType<Resolver["addressesOf"]> {
    if (isAddress(name)) return addressItself(name);
    try {
      return await this.#parts.resolver.addressesOf(name);
    } catch (error) {
      return { outcome: "tryLater", reason: reasonOf(error) };
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

function addressItself(address: string) {
  return { outcome: "found", value: { canonicalName: address, addresses: [address] } } as const;
}

/** What a peer's first turn had come to when it was cut short. */
function unfinished({ addresses: [address] }: NotifyPeer): string {
  return address === undefined ? "no address was found yet" : `no answer came yet from ${address}`;
}
