/**
 * Notice judge: judges a notice for every registration that it may concern, and announces what is
 * believed. The number of registrations is up to remote hosts, so judging is sliced. Between slices
 * the list may change: removed registrations and peers are skipped, and to younger registrations
 * the notice means nothing.
 */

import { quote } from "../quote.ts";
import type { Caller } from "../rpc/transport.ts";
import { Turns } from "../time/turns.ts";
import { nameKey } from "./host_name.ts";
import { type Heard, what } from "./kept_notices.ts";
import { lastStateOf, learnState, noteOrdinals } from "./last_state.ts";
import type { Monitored } from "./monitor_list.ts";
import {
  judgeNotice,
  type NoticeChecks,
  type NoticeFacts,
  type NoticeVerdict,
} from "./notice_gate.ts";
import type { NoticeParts } from "./notice_parts.ts";

/**
 * Limit of notices judged in several slices at once. A notice beyond it stays unanswered, so that
 * its sender repeats it; announcements made in its first slice stand.
 */
const SLICED_AT_ONCE = 64;
/** Limit of peers whose addresses are refreshed for one notice. */
const UNVERIFIED_MAX = 64;

/** Findings about a notice during its first judging. */
export interface Found {
  /** Keys of monitored peers for which the notice was judged. */
  readonly judged: Set<string>;
  /** Keys of monitored peers not known to have the caller's address; at most {@link UNVERIFIED_MAX}. */
  readonly unverified: string[];
  /** Keys of peers that have to confirm their state themselves. */
  readonly unconfirmed: Set<string>;
  /** Registrations made since the notice arrived, which a callout may have delayed. */
  readonly younger?: readonly Monitored[];
}

/** Facts for judging a notice for all registrations of a peer. */
type FactsOfPeer = Required<Pick<NoticeFacts, "isKnownSource" | "peerState">>;

/** Progress of judging: complete, complete after the promise, or refused for overload. */
export type Judging = "done" | Promise<void> | "too many";

export class NoticeJudge {
  doubtedAt: number | undefined; // monotonic time of the last doubtful notice announced
  readonly #turns: Turns;
  #sliced = 0;
  #isStopped = false;

  constructor(readonly parts: NoticeParts) {
    this.#turns = new Turns(parts.clock);
  }

  /** Drops the remaining slices. */
  stop(): void {
    this.#isStopped = true;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Logs an internal error. */
  failed(error: unknown): void {
    this.parts.tell("error", "a notice", () => `Cannot judge a notice: ${error}`);
  }

  /** Waits until no earlier slices are due; for background work. */
  async turn(): Promise<void> {
    while (this.#turns.due !== undefined) await this.#turns.due;
  }

  /**
   * Judges a new notice for all peers that `words` are known to stand for; `found` is complete when
   * judging is, and the announcements are on disk after the next flush. An unknown source is ignored
   * for now, except under `enforce`, where its peer is left out. `spent` is called with the duration of later slices, in ms.
   */
  judgeNew(
    words: readonly string[],
    heard: Heard,
    found: Found,
    spent: (ms: number) => void,
  ): Judging {
    const steps = this.#allKnown(words, heard, found);
    if (this.#turns.begin(steps)) return "done";
    return this.#sliced < SLICED_AT_ONCE ? this.#finish(steps, spent) : "too many";
  }

  /** Judges a notice for these peers; `undefined` is an empty step. Returns undefined when done at once. */
  judge(
    peers: Iterable<string | undefined>,
    heard: Heard,
    unconfirmed: Set<string>,
  ): Promise<void> | undefined {
    const steps = this.#flushed(this.#all(peers, heard, unconfirmed));
    // Many notices may be judged again at one time.
    const mayBegin = this.#turns.due === undefined;
    return mayBegin && this.#turns.begin(steps) ? undefined : this.#finish(steps);
  }

  /** Whether a notice would be announced for one of these peers. */
  isNews(peers: Iterable<string>, heard: Heard): boolean | Promise<boolean> {
    const search = { isFound: false };
    const steps = this.#search(peers, heard, search);
    if (this.#turns.begin(steps)) return search.isFound;
    return this.#finish(steps).then(() => search.isFound);
  }

  /**
   * Monitored peers among these that are not known to have the caller's address, up to the limit. A
   * name with more peers than that is no host's.
   */
  async unverified(
    peers: Iterable<string | undefined>,
    caller: Pick<Caller, "address">,
  ): Promise<string[]> {
    const found: string[] = [];
    await this.#finish(this.#unverified(peers, caller, found));
    return found;
  }

  /** Counts and logs (rate-limited) a notice refused for a peer. */
  refuse(heard: Heard, peer: string, doubt: string): void {
    this.parts.counters.notices_refused++;
    this.tellDoubt(heard, peer, doubt, "refused");
  }

  /** Logs a doubt about a notice, rate-limited. */
  tellDoubt(heard: Heard, peer: string, doubt: string, outcome: "refused" | "doubtful"): void {
    const message = () => `${what(heard)} is ${outcome} for peer ${quote(peer)}: ${doubt}`;
    this.parts.tell("warning", `doubtful SM_NOTIFY from ${heard.caller.address}`, message);
  }

  async #finish(steps: Iterator<unknown>, spent?: (ms: number) => void): Promise<void> {
    this.#sliced++;
    try {
      await this.#turns.finish(steps, { isOver: () => this.#isStopped, spent });
    } finally {
      this.#sliced--;
    }
  }

  /** Flushes the announcements of the steps before completion is reported. */
  *#flushed(steps: Iterable<unknown>): Generator<void, void> {
    for (const _step of steps) yield;
    this.parts.flush();
  }

  *#unverified(
    peers: Iterable<string | undefined>,
    caller: Pick<Caller, "address">,
    found: string[],
  ): Generator<void> {
    for (const peer of peers) {
      if (peer !== undefined) this.#noteUnverified(peer, caller, found);
      if (found.length === UNVERIFIED_MAX) return;
      yield;
    }
  }

  /** Whether a peer's source is verified, or unchecked. An unverified peer is added to `found`. */
  #noteUnverified(peer: string, caller: Pick<Caller, "address">, found: string[]): boolean {
    const { list, directory, sourceCheck } = this.parts;
    if (sourceCheck() === "off" || directory.isAddressOf(peer, caller.address)) return true;
    const isNew = list.has(peer) && found.length < UNVERIFIED_MAX && !found.includes(peer);
    if (isNew) found.push(peer);
    return false;
  }

  *#allKnown(words: readonly string[], heard: Heard, found: Found): Generator<void> {
    const { list, directory } = this.parts;
    const isEnforced = this.parts.sourceCheck() === "enforce";
    for (const peer of directory.known(...words)) {
      if (list.has(peer) && !found.judged.has(peer)) {
        const isVerified = this.#noteUnverified(peer, heard.caller, found.unverified);
        // Only `enforce` has to wait for the name service; a warning can come later.
        if (isVerified || !isEnforced) {
          found.judged.add(peer);
          yield* this.#registrations(peer, heard, found.unconfirmed, true);
        }
      }
      yield;
    }
  }

  *#all(
    peers: Iterable<string | undefined>,
    heard: Heard,
    unconfirmed: Set<string>,
  ): Generator<void> {
    for (const peer of peers) {
      if (peer !== undefined) yield* this.#registrations(peer, heard, unconfirmed);
      yield;
    }
  }

  /** `isAssumed`: the source is taken for a known address of the peer. */
  *#registrations(
    peer: string,
    heard: Heard,
    unconfirmed: Set<string>,
    isAssumed = false,
  ): Generator<void> {
    const { list, directory } = this.parts;
    const { clearings } = list;
    const peerState = lastStateOf(list.about(peer));
    const isKnownSource = isAssumed || directory.isAddressOf(peer, heard.caller.address);
    const of = { isKnownSource, peerState };
    let [hasOlder, hasYounger] = [false, false];
    for (const isLearning of [false, true]) {
      for (const monitored of list.about(peer)) {
        if (isLearning) this.#learnOne(monitored, heard, of);
        else this.#judgeOne(monitored, peer, heard, of, unconfirmed);
        const isYounger = monitored.behind >= heard.ordinal;
        hasOlder ||= !isYounger;
        hasYounger ||= isYounger;
        yield;
        if (list.clearings !== clearings) return;
      }
      // Without older ones nobody knows its state, also after a restart.
      if (!hasOlder || !hasYounger) return;
    }
  }

  *#search(peers: Iterable<string>, heard: Heard, search: { isFound: boolean }): Generator<void> {
    const { list, directory } = this.parts;
    for (const peer of peers) {
      const isKnownSource = directory.isAddressOf(peer, heard.caller.address);
      const peerState = lastStateOf(list.about(peer));
      for (const monitored of list.about(peer)) {
        search.isFound = monitored.behind < heard.ordinal &&
          this.#verdict(monitored, heard, { isKnownSource, peerState }).kind === "believed";
        if (search.isFound) return;
        yield;
      }
      yield;
    }
  }

  #verdict(monitored: Monitored, heard: Heard, of: FactsOfPeer): NoticeVerdict {
    const { lastState, lastNotice, lastAnswer } = monitored;
    const { state, ordinal, asked } = heard;
    // A newer notice was decided sooner.
    if (lastNotice >= (asked ?? ordinal)) return { kind: "repeated" };
    const { list: { replacedStates }, clock } = this.parts;
    const isReplaced = replacedStates.has(nameKey(monitored.record.monName), state, clock.now());
    const { isKnownSource, peerState } = of;
    const isStated = asked !== undefined;
    const facts = { state, lastState, peerState, isReplaced, isKnownSource, isStated };
    return judgeNotice(this.#checksOf(heard, lastAnswer), facts);
  }

  #checksOf({ isDoubted, ordinal }: Heard, lastAnswer = 0): NoticeChecks {
    const { sourceCheck, stateCheck, callPeer } = this.parts;
    // The peer has told us a state since, or may have before a restart: only it knows the later one.
    const isToBeAsked = (isDoubted === true || ordinal < lastAnswer) && callPeer !== undefined;
    return { source: sourceCheck(), state: isToBeAsked ? "enforce" : stateCheck() };
  }

  /** Counts and logs a doubtful notice that was announced. */
  doubted(heard: Heard, peer: string, doubt: string): void {
    this.parts.counters.notices_doubted++;
    this.doubtedAt = this.parts.clock.now();
    this.tellDoubt(heard, peer, doubt, "doubtful");
  }

  /** Has a registration that is younger than a notice know its state, as older ones of its peer do. */
  #learnOne(monitored: Monitored, heard: Heard, of: FactsOfPeer): void {
    if (monitored.behind < heard.ordinal) return;
    if (this.#verdict(monitored, heard, of).kind !== "believed") return;
    learnState(monitored, heard, this.parts);
  }

  #judgeOne(
    monitored: Monitored,
    peer: string,
    heard: Heard,
    of: FactsOfPeer,
    unconfirmed: Set<string>,
  ): void {
    const { announce, tell, clock, callPeer } = this.parts;
    const verdict = this.#verdict(monitored, heard, of);
    if (verdict.kind === "repeated" || monitored.behind >= heard.ordinal) return;
    if (verdict.kind === "refused") {
      if (verdict.isOfState && callPeer !== undefined) unconfirmed.add(peer);
      else this.refuse(heard, peer, verdict.doubt);
      return;
    }
    if (verdict.doubt !== undefined) this.doubted(heard, peer, verdict.doubt);
    noteOrdinals(monitored, heard);
    monitored.heard = { from: heard.caller.address, at: clock.now() };
    announce(monitored, heard.state, heard.at);
    tell("info", "SM_NOTIFY", () => `${what(heard)} is passed on`);
  }
}
