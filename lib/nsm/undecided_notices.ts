/**
 * Undecided notices: known names and addresses do not decide them. They are answered, kept, and
 * judged again for each peer whose addresses are learned. The name service is asked first about the
 * notice's own name and source.
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
import { type Asked, StateInquiries } from "./state_inquiries.ts";
import { sleep } from "../time/clock.ts";

/**
 * Limit of notices waiting for the name service. Remote hosts can send any number of names; a
 * notice beyond the limit stays unanswered, so that a genuine sender repeats it.
 */
const UNDECIDED_MAX = 256;

/** Pause before a full callout queue is tried again, in ms. */
const CALLOUT_PAUSE_MS = 1_000;

export class UndecidedNotices {
  readonly #judge: NoticeJudge;
  readonly #kept: KeptNotices;
  readonly #inquiries: StateInquiries | undefined;
  #asking = 0;
  #cancelReview: (() => void) | undefined;

  constructor(readonly parts: NoticeParts, judge: NoticeJudge, arrived: () => number) {
    this.#judge = judge;
    this.#kept = new KeptNotices(parts.memory);
    const { callPeer, clock } = parts;
    this.#inquiries = callPeer && new StateInquiries({
      ...parts,
      arrived,
      states: new PeerStates(callPeer, clock),
      isWanted: (kept) => this.#kept.has(kept),
      judge: (...statement) => this.#judgeStated(...statement),
    });
    parts.directory.watch({
      isUrgent: () => this.#kept.size > 0,
      learned: (peer) => this.learned(peer),
      completed: () => this.#endAllOver(),
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Takes the notices kept by an earlier run; empty when called again. */
  readonly takeRemembered = (): NoticesRead => this.#kept.takeRemembered();

  /** Removes a notice of an earlier run from the disk. */
  readonly drop = (heard: Heard): void => this.#kept.drop(heard);

  /** Writes the notices kept and forgotten since the last flush. */
  readonly flush = (): void => this.#kept.flush();

  /** Records durably that a registration is younger than all kept notices. */
  readonly overtake = (monitored: Monitored): void => this.#kept.overtake(monitored);

  /** Opens all kept notices again for a peer of which a registration was read late. */
  readonly reopen = (peer: string): void => this.#kept.reopen(peer);

  /** Number of kept notices that wait for the name service. */
  get unanswered(): number {
    return [...this.#kept.all()].filter((kept) => !this.#isAnswered(kept)).length;
  }

  /** Stops processing; stop the judge first. */
  stop(): void {
    this.#cancelReview?.();
    this.#kept.tidy();
    this.#inquiries?.stop();
  }

  /** Keeps a notice and starts the look-ups that it needs; false if there is no room. */
  keep(
    heard: Heard,
    { judged, unverified, unconfirmed, younger }: Found,
    judging?: Promise<void>,
  ): boolean {
    const now = this.parts.clock.now();
    const hasRoom = this.#asking < UNDECIDED_MAX;
    const kept = hasRoom ? this.#kept.add(heard, judged, unconfirmed, now, younger) : undefined;
    if (kept === undefined) this.parts.counters.notices_undecided++;
    else this.#lookInto(kept, unverified, judging);
    return kept !== undefined;
  }

  /** Starts the look-ups for a notice after its first judging, likeliest peers first. */
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

  /** Runs a task for a kept notice, which cannot end before the task has. */
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

  /** Asks the peers that have to confirm their state themselves. */
  #inquire(kept: Kept): void {
    const [first] = kept.unconfirmed;
    if (first === undefined) return;
    const doubt = `state ${kept.heard.state} is implausible, and the peer itself is asked`;
    this.#judge.tellDoubt(kept.heard, first, doubt, "doubtful");
    for (const peer of kept.unconfirmed) this.#inquiries?.add(kept, peer);
    this.#kept.doubt(kept);
    kept.unconfirmed.clear();
  }

  /** Judges a notice by the peer's own answer. */
  #judgeStated(kept: Kept, peer: string, stated: StatedState, when: Asked): void {
    const { heard } = kept;
    const isSame = stated.fault === undefined && stated.state === heard.state;
    if (!isSame) {
      const words = stated.fault ?? `the peer itself says that it is ${stated.state}`;
      this.#judge.refuse(heard, peer, `state ${heard.state} is implausible, and ${words}`);
    }
    if (stated.fault !== undefined) return this.#endIfOver(kept);
    const answer = { ...heard, ...stated, ...when, ordinal: isSame ? heard.ordinal : when.asked };
    this.#work(kept, () => this.#judgeLate(kept, [peer], answer));
  }

  async #askNameService(kept: Kept, given?: readonly string[]): Promise<void> {
    const { heard } = kept;
    const { directory, sourceCheck } = this.parts;
    const unverified = given ?? await this.#judge.unverified(this.#undecided(kept), heard.caller);
    const refreshed = await Promise.all(unverified.map((peer) => directory.refresh(peer)));
    const { hosts, isFinal } = await directory.lookUp(heard.mon_name, heard.caller.address);
    if (this.#judge.isStopped || !this.#kept.has(kept)) return;
    this.#kept.learn(kept, hosts.flat());
    // Earlier notices may concern a peer that only this look-up has found.
    for (const host of sourceCheck() === "enforce" ? [] : hosts) {
      for (const peer of host) if (!kept.decided.has(peer)) this.learned(peer, host);
    }
    const asked = new Set(unverified);
    const isSilent = new Set(unverified.filter((_, i) => !refreshed[i]));
    // `enforce` refuses a peer after the name service has answered, not before.
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

  /** Peers that a kept notice may concern and for which it is not judged yet. */
  *#undecided({ decided, aliases }: Kept): Generator<string | undefined> {
    for (const peer of this.parts.directory.known(...aliases)) {
      yield decided.has(peer) || !this.parts.list.has(peer) ? undefined : peer;
    }
  }

  *#decidable(kept: Kept, isToBeLearned: (peer: string) => boolean): Generator<string | undefined> {
    for (const peer of this.#undecided(kept)) {
      const isLeft = peer !== undefined && isToBeLearned(peer);
      if (isLeft) this.parts.directory.relearn(peer);
      yield isLeft ? undefined : peer;
    }
  }

  /** Judges a kept notice for these peers, finally. */
  #decide(kept: Kept, peers: Iterable<string | undefined>): Promise<void> | undefined {
    function* decided() {
      for (const peer of peers) {
        if (peer !== undefined) kept.decided.add(peer);
        yield peer;
      }
    }
    return this.#judgeLate(kept, decided());
  }

  /** Judges an answered notice; if it is news, the callout runs first. */
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

  /** Runs the callout for a notice, waiting for room in its queue. */
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

  /** Judges kept notices, one after the other, for a peer whose aliases (keys) were just learned. */
  learned(peer: string, aliases = this.parts.directory.aliasesOf(peer)): void {
    if (this.#kept.size === 0 || !this.parts.list.has(peer)) return;
    let judging: Promise<void> | undefined;
    for (const kept of this.#kept.of([peer, ...aliases])) {
      if (kept.decided.has(peer)) continue;
      kept.decided.add(peer); // before the await, since this may be called again
      const judge = () => this.#judge.isStopped ? undefined : this.#judgeLate(kept, [peer]);
      this.#work(kept, () => judging = judging?.then(judge, judge) ?? judge());
    }
  }

  /** Ends a notice if nothing more can be learned about it. */
  #endIfOver(kept: Kept): void {
    const { list, directory, clock, tell } = this.parts;
    const isAtWork = kept.working > 0 || this.#inquiries?.has(kept) === true;
    if (this.#judge.isStopped || isAtWork || !this.#kept.has(kept)) return;
    const isOld = clock.now() - kept.keptAt >= KEPT_MS;
    // A notice without a match may mean a peer that the name service does not know yet.
    const isToBeMatched = kept.decided.size === 0 && directory.absent > 0;
    const isMonitoring = list.size > 0 || !directory.isComplete;
    if (!isOld && isMonitoring && (!this.#isAnswered(kept) || isToBeMatched)) return;
    if (!isOld && list.mayComeBack(directory.known(...kept.aliases))) return;
    this.#kept.remove(kept);
    if (kept.decided.size > 0) return;
    const peer = isOld ? "peer whose addresses are known" : "peer monitored here";
    tell("info", "SM_NOTIFY of strangers", () => `${what(kept.heard)} concerns no ${peer}`);
  }

  /** Whether the name service has answered everything that a notice needs. */
  #isAnswered({ isLookedUp }: Kept): boolean {
    return isLookedUp && this.parts.directory.isComplete;
  }

  #endAllOver(): void {
    for (const kept of this.#kept.all()) this.#endIfOver(kept);
  }

  /** Ends finished notices, and retries unanswered look-ups. */
  #review(): void {
    this.#endAllOver();
    for (const kept of this.#kept.all()) {
      const isToBeAsked = this.#kept.has(kept) && kept.working === 0 && !kept.isLookedUp;
      if (isToBeAsked && this.#asking < REVIEWED_AT_ONCE) this.#lookInto(kept);
    }
  }

  /** Starts the one timer for all kept notices, while there are any. */
  #reviewLater(): void {
    if (this.#judge.isStopped) return;
    this.#cancelReview ??= this.parts.clock.startTimer(REVIEW_MS, () => {
      this.#cancelReview = undefined;
      this.#review();
      this.#kept.tidy();
      if (this.#kept.size > 0) this.#reviewLater();
    });
  }
}
