/**
 * What follows an SM_NOTIFY: finding the registrations that it speaks of, and having their lock
 * managers told. Known names and addresses decide at once; the name service is asked only where they
 * do not, after the reply, and within a limit.
 *
 * A registration is concerned when its last known state differs from the new one and its peer is
 * known by the notice's mon_name or by its source address.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils' matching of notices.
 */

import type { StatChge } from "../protocol/nsm.ts";
import { quote } from "../quote.ts";
import { sourceNetwork } from "../rpc/address.ts";
import type { Caller } from "../rpc/transport.ts";
import {
  type Heard,
  type Kept,
  KEPT_MS,
  KeptNotices,
  REVIEW_MS,
  REVIEWED_AT_ONCE,
  wasPassedOn,
  what,
} from "./kept_notices.ts";
import { judgeNotice, type NoticeChecks, UNKNOWN_SOURCE } from "./notice_gate.ts";
import type { NoticeParts } from "./notice_parts.ts";
import { SourceLimits } from "./source_limits.ts";

/**
 * Notices that may wait for the name service at one time. A stranger can send any number of names;
 * beyond this many the notice stays unanswered, so that a genuine sender repeats it.
 */
const UNDECIDED_MAX = 256;

export class Notices {
  doubtedAt: number | undefined; // when a doubtful notice was passed on last, by clock.now()
  readonly #sources: SourceLimits;
  readonly #kept: KeptNotices;
  #asking = 0;
  #taken = 0;
  #cancelReview: (() => void) | undefined;
  #isStopped = false;

  constructor(readonly parts: NoticeParts) {
    this.#sources = new SourceLimits(parts.clock);
    this.#kept = new KeptNotices(parts.memory);
    parts.directory.watch({
      isUrgent: () => this.#kept.size > 0,
      learned: (peer) => this.#learned(peer),
      completed: () => this.#review(),
    });
  }

  /** How many notices and declarations have come: those that a registration made now is not concerned by. */
  get taken(): number {
    return this.#taken;
  }

  /** The ordinal of a notice or declaration that comes now; to be asked before anything is waited for. */
  readonly arrived = (): number => ++this.#taken;

  /** Notices that were answered and are not judged yet, in number. */
  get kept(): number {
    return this.#kept.size;
  }

  /** Takes up what an earlier life has answered and not judged. To be called when the list is whole. */
  restore(): void {
    for (const { name, address, state, at } of this.#kept.remembered()) {
      const ordinal = this.arrived();
      this.#pass({ mon_name: name, state, caller: { address }, ordinal, at, isRestored: true });
    }
  }

  /** Ends all activity; what is kept is taken up by the next life. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelReview?.();
  }

  /** Whether a notice is within the limit of its source; it counts if so. To be asked before anything else. */
  admits(notice: StatChge, caller: Caller): boolean {
    if (caller.isLocal || this.#sources.admits(caller.address)) return true;
    this.parts.tell(
      "warning",
      `too many SM_NOTIFY from ${sourceNetwork(caller.address)}`,
      () => `${what({ ...notice, caller })}: too many from there, left unanswered`,
    );
    return false;
  }

  /** {@link take} for a notice that was admitted; its source is charged for the time. */
  handle(notice: StatChge, caller: Caller, ordinal = this.arrived()): boolean {
    const take = () => this.take(notice, caller, ordinal);
    return caller.isLocal ? take() : this.#sources.work(caller.address, take);
  }

  /**
   * Whether somebody would be told of a notice, as far as that is known without the name service. A
   * notice from this host always counts.
   */
  isNews({ mon_name, state }: StatChge, { address, isLocal }: Caller): boolean {
    if (isLocal) return true;
    const { list, directory } = this.parts;
    for (const peer of directory.known(mon_name, address)) {
      const isKnownSource = directory.isAddressOf(peer, address);
      for (const { lastState } of list.about(peer)) {
        const verdict = judgeNotice(this.#checks, { state, lastState, isKnownSource });
        if (verdict.kind === "believed") return true;
      }
    }
    return false;
  }

  get #checks(): NoticeChecks {
    const { sourceCheck, stateCheck } = this.parts;
    return { source: sourceCheck(), state: stateCheck() };
  }

  /** Handles one notice; false when there is no room for it now and it should be sent again. */
  take(notice: StatChge, caller: Caller, ordinal = this.arrived()): boolean {
    const { list, tell, clock } = this.parts;
    if (list.size === 0) {
      const key = "SM_NOTIFY while not monitoring any hosts";
      tell("warning", key, () => `${what({ ...notice, caller })} while not monitoring any hosts`);
      return true;
    }
    return this.#pass({ ...notice, caller, ordinal, at: clock.wallClock() });
  }

  /** Judges a notice as far as possible, and keeps it where that is not the end of it; false if it cannot. */
  #pass(heard: Heard): boolean {
    const { directory, sourceCheck, counters } = this.parts;
    const isEnforced = sourceCheck() === "enforce";
    // One host may be monitored under several names that only its addresses have in common.
    const words = [heard.mon_name, heard.caller.address];
    const peers = directory.known(...words, ...words.flatMap((word) => directory.aliasesOf(word)));
    const unverified = this.#unverified(peers, heard.caller);
    // Only to enforce is worth waiting for the name service; a warning can come later.
    if (isEnforced) { for (const peer of unverified) peers.delete(peer); }
    const concerned = this.#believe(peers, heard, unverified);
    if (concerned > 0 && unverified.length === 0 && directory.isComplete) return true;
    const kept = this.#asking < UNDECIDED_MAX ? this.#kept.add(heard, concerned > 0) : undefined;
    if (kept === undefined) {
      counters.notices_undecided++;
      return false;
    }
    for (const peer of peers) if (this.parts.list.has(peer)) kept.decided.add(peer);
    this.#lookInto(kept, unverified);
    return true;
  }

  /** Has everything looked up that a notice may concern, the likeliest first. */
  #lookInto(kept: Kept, unverified: readonly string[]): void {
    const { directory, tell } = this.parts;
    directory.hurry(kept.heard.mon_name);
    this.#reviewLater();
    this.#asking++;
    kept.isAsking = true;
    this.#askNameService(kept, unverified)
      .catch((error) => tell("error", "a notice", () => `Cannot judge a notice: ${error}`))
      .finally(() => {
        this.#asking--;
        kept.isAsking = false;
        this.#endIfOver(kept);
      });
  }

  async #askNameService(kept: Kept, unverified: readonly string[]): Promise<void> {
    const { heard, decided } = kept;
    const { directory, sourceCheck, counters } = this.parts;
    const refreshed = await Promise.all(unverified.map((peer) => directory.refresh(peer)));
    const { aliases, isFinal } = await directory.lookUp(heard.mon_name, heard.caller.address);
    if (this.#isStopped || !this.#kept.has(kept)) return;
    this.#kept.learn(kept, aliases);
    const asked = new Set(unverified);
    const isSilent = new Set(unverified.filter((_, i) => !refreshed[i]));
    for (const peer of directory.known(...aliases)) {
      if (decided.has(peer) || !this.parts.list.has(peer)) continue;
      const mayBeLearned = isSilent.has(peer) || !asked.has(peer) && directory.isUnresolved(peer);
      // To enforce, a peer is refused when the name service has spoken, and not before.
      if (mayBeLearned && sourceCheck() === "enforce") directory.relearn(peer);
      else this.#decide(kept, peer);
    }
    if (sourceCheck() === "warn") {
      for (const peer of this.#unverified(unverified, heard.caller)) {
        counters.notices_doubted++;
        this.#tellDoubt(heard, peer, UNKNOWN_SOURCE, "doubtful");
      }
    }
    kept.isLookedUp = isFinal;
  }

  #decide(kept: Kept, peer: string): void {
    kept.decided.add(peer);
    this.#believe([peer], kept.heard);
  }

  /** The addresses of a peer were learned. */
  #learned(peer: string): void {
    const { list, directory } = this.parts;
    if (this.#kept.size === 0 || !list.has(peer)) return;
    for (const kept of this.#kept.of([peer, ...directory.aliasesOf(peer)])) {
      if (!kept.decided.has(peer)) this.#decide(kept, peer);
    }
  }

  /** Forgets a notice of which nothing more can be learned. */
  #endIfOver(kept: Kept): void {
    const { list, directory, clock, tell } = this.parts;
    if (this.#isStopped || kept.isAsking || !this.#kept.has(kept)) return;
    const isOld = clock.wallClock() - kept.record.at >= KEPT_MS;
    if (!isOld && list.size > 0 && !(directory.isComplete && kept.isLookedUp)) return;
    this.#kept.remove(kept);
    if (kept.decided.size > 0) return;
    const why = isOld
      ? "concerns nobody whose addresses are known"
      : "concerns nobody monitored here";
    tell("info", "SM_NOTIFY of strangers", () => `${what(kept.heard)} ${why}`);
  }

  /** Ends what is over, and asks again what the name service did not say. */
  #review(): void {
    for (const kept of this.#kept.all()) {
      this.#endIfOver(kept);
      const isToBeAsked = this.#kept.has(kept) && !kept.isAsking && !kept.isLookedUp;
      if (isToBeAsked && this.#asking < REVIEWED_AT_ONCE) this.#lookInto(kept, this.#open(kept));
    }
  }

  /** The peers for which a notice is still to be verified. */
  #open({ aliases, decided, heard }: Kept): string[] {
    const peers = [...this.parts.directory.known(...aliases)].filter((peer) => !decided.has(peer));
    return this.#unverified(peers, heard.caller);
  }

  /** One timer for all kept notices; it only runs while there are any. */
  #reviewLater(): void {
    if (this.#isStopped) return;
    this.#cancelReview ??= this.parts.clock.startTimer(REVIEW_MS, () => {
      this.#cancelReview = undefined;
      this.#review();
      if (this.#kept.size > 0) this.#reviewLater();
    });
  }

  /** Those of these peers that are monitored and not known to have the caller's address. */
  #unverified(peers: Iterable<string>, { address }: Pick<Caller, "address">): string[] {
    const { list, directory, sourceCheck } = this.parts;
    if (sourceCheck() === "off") return [];
    return [...peers].filter((peer) => list.has(peer) && !directory.isAddressOf(peer, address));
  }

  /**
   * Has everybody told who asked about these peers, as far as the notice is believed; returns how many
   * registrations it concerns. The source of `assumed` peers is not held against them yet.
   */
  #believe(peers: Iterable<string>, heard: Heard, assumed: readonly string[] = []): number {
    const { list, directory, announce, flush, counters, tell, clock } = this.parts;
    const { state, caller, ordinal } = heard;
    let concerned = 0;
    let told = 0;
    for (const peer of peers) {
      const isKnownSource = assumed.includes(peer) || directory.isAddressOf(peer, caller.address);
      for (const monitored of list.about(peer)) {
        concerned++;
        const { lastState, lastNotice } = monitored;
        if (heard.isRestored && wasPassedOn(heard, monitored, clock.wallClock())) continue;
        // A newer notice was quicker to decide, or the registration is younger than the notice: then
        // the peer has rebooted before, and has its locks of afterwards.
        if (lastNotice >= ordinal) continue;
        const verdict = judgeNotice(this.#checks, { state, lastState, isKnownSource });
        if (verdict.kind === "repeated") continue;
        if (verdict.kind === "refused") {
          counters.notices_refused++;
          this.#tellDoubt(heard, peer, verdict.doubt, "refused");
          continue;
        }
        if (verdict.doubt !== undefined) {
          counters.notices_doubted++;
          this.doubtedAt = this.parts.clock.now();
          this.#tellDoubt(heard, peer, verdict.doubt, "doubtful");
        }
        monitored.lastNotice = ordinal;
        monitored.heard = { from: heard.caller.address, at: this.parts.clock.now() };
        announce(monitored, state, heard.at);
        told++;
        tell("info", "SM_NOTIFY", () => `${what(heard)} is passed on`);
      }
    }
    if (told > 0) flush();
    return concerned;
  }

  #tellDoubt(heard: Heard, peer: string, doubt: string, outcome: "refused" | "doubtful"): void {
    const message = () => `${what(heard)} is ${outcome} for peer ${quote(peer)}: ${doubt}`;
    this.parts.tell("warning", `doubtful SM_NOTIFY from ${heard.caller.address}`, message);
  }
}
