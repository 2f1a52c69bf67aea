/**
 * Notices that what is known does not decide: they are answered, kept, and judged again with every peer
 * whose addresses are learned. The name service is asked about their own words first.
 */

import {
  type Heard,
  type Kept,
  KEPT_MS,
  KeptNotices,
  REVIEW_MS,
  REVIEWED_AT_ONCE,
  what,
} from "./kept_notices.ts";
import { UNKNOWN_SOURCE } from "./notice_gate.ts";
import type { Found, NoticeJudge } from "./notice_judge.ts";
import type { NoticeParts } from "./notice_parts.ts";
import type { Monitored } from "./monitor_list.ts";
import { PeerStates, type StatedState } from "./peer_states.ts";
import type { NoticesRead } from "./ports.ts";
import { StateInquiries } from "./state_inquiries.ts";
import { sleep } from "../time/clock.ts";

/**
 * Notices that may wait for the name service at one time. A stranger can send any number of names;
 * beyond this many the notice stays unanswered, so that a genuine sender repeats it.
 */
const UNDECIDED_MAX = 256;

/** Pause until the administrator's program may have room for a notice, in ms. */
const CALLOUT_PAUSE_MS = 1_000;

export class UndecidedNotices {
  readonly #judge: NoticeJudge;
  readonly #kept: KeptNotices;
  readonly #inquiries: StateInquiries | undefined;
  #asking = 0;
  #cancelReview: (() => void) | undefined;

  constructor(readonly parts: NoticeParts, judge: NoticeJudge) {
    this.#judge = judge;
    this.#kept = new KeptNotices(parts.memory);
    const { callPeer, clock } = parts;
    this.#inquiries = callPeer && new StateInquiries({
      ...parts,
      states: new PeerStates(callPeer, clock),
      isWanted: (kept) => this.#kept.has(kept),
      judge: (...statement) => this.#judgeStated(...statement),
    });
    parts.directory.watch({
      isUrgent: () => this.#kept.size > 0,
      learned: (peer) => this.#learned(peer),
      completed: () => this.#endAllOver(),
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  /** What an earlier life has answered and not judged, once. */
  takeRemembered(): NoticesRead {
    return this.#kept.takeRemembered();
  }

  /** Forgets a notice of an earlier life that is over; true, since its sender may be answered. */
  drop(heard: Heard): true {
    this.#kept.drop(heard);
    return true;
  }

  /** Notes that what is kept came before a registration, for lives to come. */
  overtake(monitored: Monitored): void {
    this.#kept.overtake(monitored);
  }

  /** Those that wait for the name service to answer, in number. */
  get unanswered(): number {
    let count = 0;
    for (const kept of this.#kept.all()) if (!this.#isAnswered(kept)) count++;
    return count;
  }

  /** Ends all activity; to be called when the judge was stopped. */
  stop(): void {
    this.#cancelReview?.();
    this.#inquiries?.stop();
  }

  /** Keeps a notice and has everything looked up that it may concern; whether there was room. */
  keep(
    heard: Heard,
    { judged, unverified, unconfirmed }: Found,
    judging?: Promise<void>,
  ): boolean {
    const now = this.parts.clock.now();
    const hasRoom = this.#asking < UNDECIDED_MAX;
    const kept = hasRoom ? this.#kept.add(heard, judged, unconfirmed, now) : undefined;
    if (kept === undefined) this.parts.counters.notices_undecided++;
    else this.#lookInto(kept, unverified, judging);
    return kept !== undefined;
  }

  /** Has everything looked up that a notice may concern, the likeliest first, when it was judged so far. */
  #lookInto(kept: Kept, unverified?: readonly string[], judging?: Promise<void>): void {
    this.parts.directory.hurry(kept.heard.mon_name);
    this.#reviewLater();
    this.#asking++;
    this.#work(kept, async () => {
      try {
        await judging;
        await this.#askNameService(kept, unverified);
      } finally {
        this.#asking--;
      }
    });
  }

  /** Does something about a kept notice, which is not over before. */
  #work(kept: Kept, action: () => Promise<void> | undefined): void {
    kept.working++;
    const done = () => {
      kept.working--;
      this.#inquire(kept);
      this.#endIfOver(kept);
    };
    const work = action();
    if (work === undefined) return done();
    work.catch((error) => this.#judge.failed(error)).finally(done);
  }

  /** Has the peers asked that are to say themselves which state they have. */
  #inquire(kept: Kept): void {
    const [first] = kept.unconfirmed;
    if (first === undefined) return;
    const doubt = `state ${kept.heard.state} is not to be expected, and the peer itself is asked`;
    this.#judge.tellDoubt(kept.heard, first, doubt, "doubtful");
    for (const peer of kept.unconfirmed) this.#inquiries?.add(kept, peer);
    kept.unconfirmed.clear();
  }

  /** Judges a notice by what a peer says itself. */
  #judgeStated(kept: Kept, peer: string, stated: StatedState): void {
    const { heard } = kept;
    const isSame = stated.fault === undefined && stated.state === heard.state;
    if (!isSame) {
      const words = stated.fault ?? `the peer itself says that it is ${stated.state}`;
      this.#judge.refuse(heard, peer, `state ${heard.state} is not to be expected, and ${words}`);
    }
    if (stated.fault !== undefined) return this.#endIfOver(kept);
    const { state } = stated;
    this.#work(kept, () => this.#judgeLate(kept, [peer], { ...heard, state, isStated: true }));
  }

  async #askNameService(kept: Kept, given?: readonly string[]): Promise<void> {
    const { heard, aliases: before } = kept;
    const { directory, sourceCheck } = this.parts;
    const open = () => this.#undecided(kept, before);
    const unverified = given ?? await this.#judge.unverified(open(), heard.caller);
    const refreshed = await Promise.all(unverified.map((peer) => directory.refresh(peer)));
    const { aliases, isFinal } = await directory.lookUp(heard.mon_name, heard.caller.address);
    if (this.#judge.isStopped || !this.#kept.has(kept)) return;
    this.#kept.learn(kept, aliases);
    const asked = new Set(unverified);
    const isSilent = new Set(unverified.filter((_, i) => !refreshed[i]));
    // To enforce, a peer is refused when the name service has spoken, and not before.
    const isToBeLearned = (peer: string) =>
      sourceCheck() === "enforce" &&
      (isSilent.has(peer) || !asked.has(peer) && directory.isUnresolved(peer));
    await this.#decide(kept, this.#decidable(kept, isToBeLearned));
    if (sourceCheck() === "warn") {
      for (const peer of await this.#judge.unverified(unverified, heard.caller)) {
        this.#judge.doubted(heard, peer, UNKNOWN_SOURCE);
      }
    }
    kept.isLookedUp = isFinal;
  }

  /** The peers that a kept notice may concern and for which it is not judged. */
  *#undecided({ decided }: Kept, aliases: Iterable<string>): Generator<string | undefined> {
    for (const peer of this.parts.directory.known(...aliases)) {
      yield decided.has(peer) || !this.parts.list.has(peer) ? undefined : peer;
    }
  }

  *#decidable(
    kept: Kept,
    isToBeLearned: (peer: string) => boolean,
  ): Generator<string | undefined> {
    for (const peer of this.#undecided(kept, kept.aliases)) {
      const isLeft = peer !== undefined && isToBeLearned(peer);
      if (isLeft) this.parts.directory.relearn(peer);
      yield isLeft ? undefined : peer;
    }
  }

  /** Judges a kept notice for these peers, for good. */
  #decide(kept: Kept, peers: Iterable<string | undefined>): Promise<void> | undefined {
    function* decided() {
      for (const peer of peers) {
        if (peer !== undefined) kept.decided.add(peer);
        yield peer;
      }
    }
    return this.#judgeLate(kept, decided());
  }

  /** Judges a notice that was answered; where it is news the administrator's program is told before. */
  #judgeLate(
    kept: Kept,
    peers: Iterable<string | undefined>,
    heard = kept.heard,
  ): Promise<void> | undefined {
    const hasCallout = this.parts.callout?.() !== undefined;
    if (hasCallout && !kept.heard.wasCalledOut) return this.#judgeAfterCallout(kept, peers, heard);
    return this.#judge.judge(peers, heard, kept.unconfirmed);
  }

  async #judgeAfterCallout(
    kept: Kept,
    peers: Iterable<string | undefined>,
    heard: Heard,
  ): Promise<void> {
    const meant = [...peers].filter((peer) => peer !== undefined);
    if (await this.#judge.isNews(meant, heard)) await (kept.calledOut ??= this.#callOut(heard));
    if (!this.#judge.isStopped) await this.#judge.judge(meant, heard, kept.unconfirmed);
  }

  /** Tells the administrator's program of a notice when there is room for that; once, as other notices wait. */
  async #callOut({ mon_name, state, caller: { address } }: Heard): Promise<void> {
    const { callout, clock } = this.parts;
    while (!this.#judge.isStopped) {
      const program = callout?.();
      if (program === undefined) return;
      const running = program.notified(mon_name, address, state);
      if (running !== undefined) return await running;
      await sleep(clock.startTimer, CALLOUT_PAUSE_MS);
    }
  }

  /** The addresses of a peer were learned. */
  #learned(peer: string): void {
    const { list, directory } = this.parts;
    if (this.#kept.size === 0 || !list.has(peer)) return;
    for (const kept of this.#kept.of([peer, ...directory.aliasesOf(peer)])) {
      if (kept.decided.has(peer)) continue;
      kept.decided.add(peer); // at once, since this may be called again before its turn
      this.#work(kept, () => this.#judgeLate(kept, [peer]));
    }
  }

  /** Forgets a notice of which nothing more can be learned. */
  #endIfOver(kept: Kept): void {
    const { list, directory, clock, tell } = this.parts;
    const isAtWork = kept.working > 0 || this.#inquiries?.has(kept) === true;
    if (this.#judge.isStopped || isAtWork || !this.#kept.has(kept)) return;
    const isOld = clock.now() - kept.keptAt >= KEPT_MS;
    // Where nobody was told, a peer may be meant that the name service does not have yet.
    const isToBeMatched = kept.decided.size === 0 && directory.absent > 0;
    const isMonitoring = list.size > 0 || !directory.isComplete;
    if (!isOld && isMonitoring && (!this.#isAnswered(kept) || isToBeMatched)) return;
    this.#kept.remove(kept);
    if (kept.decided.size > 0) return;
    const why = isOld
      ? "concerns nobody whose addresses are known"
      : "concerns nobody monitored here";
    tell("info", "SM_NOTIFY of strangers", () => `${what(kept.heard)} ${why}`);
  }

  /** Whether the name service has said all that a notice needs, as far as it has that. */
  #isAnswered({ isLookedUp }: Kept): boolean {
    return isLookedUp && this.parts.directory.isComplete;
  }

  #endAllOver(): void {
    for (const kept of this.#kept.all()) this.#endIfOver(kept);
  }

  /** Ends what is over, and asks again what the name service did not say. */
  #review(): void {
    this.#endAllOver();
    for (const kept of this.#kept.all()) {
      const isToBeAsked = this.#kept.has(kept) && kept.working === 0 && !kept.isLookedUp;
      if (isToBeAsked && this.#asking < REVIEWED_AT_ONCE) this.#lookInto(kept);
    }
  }

  /** One timer for all kept notices; it only runs while there are any. */
  #reviewLater(): void {
    if (this.#judge.isStopped) return;
    this.#cancelReview ??= this.parts.clock.startTimer(REVIEW_MS, () => {
      this.#cancelReview = undefined;
      this.#review();
      if (this.#kept.size > 0) this.#reviewLater();
    });
  }
}
