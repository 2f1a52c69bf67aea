/**
 * Judging a notice for every registration that it may concern, and having the lock managers told of what
 * is believed. How many registrations that are is up to others, so it is done in slices, in all of which
 * the world may have become another one: registrations and peers that are gone by then are passed over,
 * and to younger ones the notice means nothing.
 */

import { quote } from "../quote.ts";
import type { Caller } from "../rpc/transport.ts";
import { Turns } from "../time/turns.ts";
import { type Heard, what } from "./kept_notices.ts";
import type { Monitored } from "./monitor_list.ts";
import { COPY_MS, judgeNotice, type NoticeChecks, type NoticeVerdict } from "./notice_gate.ts";
import type { NoticeParts } from "./notice_parts.ts";

/**
 * Notices that are judged in several slices at one time, in number. One beyond is left unanswered, so that
 * its sender repeats it; what it was believed for is told all the same.
 */
const SLICED_AT_ONCE = 64;
/** Peers that the name service is asked about again because of one notice, in number. */
const UNVERIFIED_MAX = 64;

/** What was found out about a notice on the way. */
export interface Found {
  /** Peers, by key, that are monitored and for which it was judged. */
  readonly judged: Set<string>;
  /** Peers, by key, that are monitored and not known to have the caller's address; some, where they are many. */
  readonly unverified: string[];
  /** Peers, by key, that have to say themselves which state they have. */
  readonly unconfirmed: Set<string>;
}

/** How far a notice was judged: whole, whole after this promise, or not to its end. */
export type Judging = "done" | Promise<void> | "too many";

export class NoticeJudge {
  doubtedAt: number | undefined; // when a doubtful notice was passed on last, by clock.now()
  readonly #turns: Turns;
  #sliced = 0;
  #isStopped = false;

  constructor(readonly parts: NoticeParts) {
    this.#turns = new Turns(parts.clock);
  }

  /** Leaves undone what is to be done in later slices. */
  stop(): void {
    this.#isStopped = true;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Says that something is wrong with ourselves. */
  failed(error: unknown): void {
    this.parts.tell("error", "a notice", () => `Cannot judge a notice: ${error}`);
  }

  /** What a notice has to wait for that nobody waits for. */
  async turn(): Promise<void> {
    while (this.#turns.due !== undefined) await this.#turns.due;
  }

  /**
   * Judges a new notice for all peers that its words are known to stand for; `found` is whole when that is
   * done. The source of a peer is not held against it yet, but to enforce: then the peer is left out.
   * `spent` is told how long the later slices took, in ms.
   */
  judgeNew(
    words: readonly string[],
    heard: Heard,
    found: Found,
    spent: (ms: number) => void,
  ): Judging {
    const steps = this.#flushed(this.#allKnown(words, heard, found));
    if (this.#turns.begin(steps)) return "done";
    return this.#sliced < SLICED_AT_ONCE ? this.#finish(steps, spent) : "too many";
  }

  /**
   * Judges a notice for these peers; `undefined` stands for a step without one. Nothing is left to wait for
   * where nothing is returned.
   */
  judge(
    peers: Iterable<string | undefined>,
    heard: Heard,
    unconfirmed: Set<string>,
  ): Promise<void> | undefined {
    const steps = this.#flushed(this.#all(peers, heard, unconfirmed));
    // Many may be judged again at one time.
    const mayBegin = this.#turns.due === undefined;
    return mayBegin && this.#turns.begin(steps) ? undefined : this.#finish(steps);
  }

  /** Whether anybody would be told of a notice for one of these peers. */
  isNews(peers: Iterable<string>, heard: Heard): boolean | Promise<boolean> {
    const search = { isFound: false };
    const steps = this.#search(peers, heard, search);
    if (this.#turns.begin(steps)) return search.isFound;
    return this.#finish(steps).then(() => search.isFound);
  }

  /**
   * Peers among these that are monitored and not known to have the caller's address, some of them where
   * they are many: that is no host's name.
   */
  async unverified(
    peers: Iterable<string | undefined>,
    caller: Pick<Caller, "address">,
  ): Promise<string[]> {
    const found: string[] = [];
    await this.#finish(this.#unverified(peers, caller, found));
    return found;
  }

  /** Counts that a notice is refused for a peer, and says so, within limits. */
  refuse(heard: Heard, peer: string, doubt: string): void {
    this.parts.counters.notices_refused++;
    this.tellDoubt(heard, peer, doubt, "refused");
  }

  /** Says what is wrong with a notice, within limits. */
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

  /** Makes lasting what the steps have announced, before anybody hears that they are done. */
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

  /** Whether the source of a peer is known to be one, or unchecked; a peer of which it is not is noted. */
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
        // Only to enforce is worth waiting for the name service; a warning can come later.
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

  /** The source of the peer is not held against it where that is assumed to be a known one. */
  *#registrations(
    peer: string,
    heard: Heard,
    unconfirmed: Set<string>,
    isAssumed = false,
  ): Generator<void> {
    const { list, directory } = this.parts;
    const { clearings } = list;
    const isKnownSource = isAssumed || directory.isAddressOf(peer, heard.caller.address);
    for (const monitored of list.about(peer)) {
      this.#judgeOne(monitored, peer, heard, isKnownSource, unconfirmed);
      yield;
      if (list.clearings !== clearings) return;
    }
  }

  *#search(peers: Iterable<string>, heard: Heard, search: { isFound: boolean }): Generator<void> {
    const { list, directory } = this.parts;
    for (const peer of peers) {
      const isKnownSource = directory.isAddressOf(peer, heard.caller.address);
      for (const monitored of list.about(peer)) {
        search.isFound = this.#verdict(monitored, heard, isKnownSource).kind === "believed";
        if (search.isFound) return;
        yield;
      }
      yield;
    }
  }

  #verdict(monitored: Monitored, heard: Heard, isKnownSource: boolean): NoticeVerdict {
    const { lastState, lastNotice } = monitored;
    // A newer notice was quicker to decide, or the registration is younger than the notice: then the
    // peer has rebooted before, and has its locks of afterwards.
    if (lastNotice >= heard.ordinal) return { kind: "repeated" };
    const { state, isStated = false } = heard;
    const since = this.parts.clock.now() - COPY_MS;
    const isReplaced = monitored.replaced?.some((one) => one.state === state && one.at > since);
    const known = { state, lastState, isReplaced: isReplaced === true };
    return judgeNotice(this.#checks, { ...known, isKnownSource, isStated });
  }

  get #checks(): NoticeChecks {
    const { sourceCheck, stateCheck } = this.parts;
    return { source: sourceCheck(), state: stateCheck() };
  }

  /** Counts a doubtful notice that was passed on, and says so. */
  doubted(heard: Heard, peer: string, doubt: string): void {
    this.parts.counters.notices_doubted++;
    this.doubtedAt = this.parts.clock.now();
    this.tellDoubt(heard, peer, doubt, "doubtful");
  }

  #judgeOne(
    monitored: Monitored,
    peer: string,
    heard: Heard,
    isKnownSource: boolean,
    unconfirmed: Set<string>,
  ): void {
    const { announce, tell, clock, callPeer } = this.parts;
    const verdict = this.#verdict(monitored, heard, isKnownSource);
    if (verdict.kind === "repeated") return;
    if (verdict.kind === "refused") {
      if (verdict.isOfState && callPeer !== undefined) unconfirmed.add(peer);
      else this.refuse(heard, peer, verdict.doubt);
      return;
    }
    if (verdict.doubt !== undefined) {
      this.doubted(heard, peer, verdict.doubt);
    }
    monitored.lastNotice = heard.ordinal;
    monitored.heard = { from: heard.caller.address, at: clock.now() };
    announce(monitored, heard.state, heard.at);
    tell("info", "SM_NOTIFY", () => `${what(heard)} is passed on`);
  }
}
