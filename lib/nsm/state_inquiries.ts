/**
 * State inquiries: a notice with an implausible state number waits until the peer itself has been
 * asked. The answer decides that notice and all earlier ones. So a reinstalled peer is believed,
 * and a forged number does not silence the peer.
 *
 * An answer that differs from the notice is news to registrations that are older than the question.
 * To a younger one it may be old, so the peer is asked again: all registrations of a peer know one
 * state, as after a restart.
 */

import { normaliseAddress } from "../rpc/address.ts";
import type { Clock } from "../time/clock.ts";
import type { Kept } from "./kept_notices.ts";
import type { MonitorList } from "./monitor_list.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import { PAUSE_MS, type PeerStates, type StatedState } from "./peer_states.ts";

/**
 * Questions to a peer because of one notice, at most: one minute, in which its status monitor comes
 * up after the program that sent the notice.
 */
const QUESTIONS_MAX = 12;

/** Answer that may be older than a registration of its peer. */
const OLD: StatedState = { fault: "the peer was monitored anew while it was asked" };

/** Ordinals of a question and of its answer, in the sequence of notices. */
export interface Asked {
  readonly asked: number;
  readonly answered: number;
}

/** Dependencies of inquiries. */
export interface InquiryParts {
  readonly states: PeerStates;
  readonly list: Pick<MonitorList, "about">;
  readonly directory: Pick<PeerDirectory, "aliasesOf">;
  readonly clock: Pick<Clock, "startTimer">;
  /** Whether a notice is still undecided. */
  readonly isWanted: (kept: Kept) => boolean;
  /** Draws an ordinal, in the sequence of notices. */
  readonly arrived: () => number;
  /** Judges a notice by the peer's answer. */
  readonly judge: (kept: Kept, peer: string, stated: StatedState, when: Asked) => void;
}

/** Wait of a notice for a peer. */
interface Wait {
  /** Number of questions without an answer so far. */
  questions: number;
}

export class StateInquiries {
  readonly #parts: InquiryParts;
  /** Waits by peer key and notice. */
  readonly #waiting = new Map<string, Map<Kept, Wait>>();
  /** Number of peers that each notice waits for. */
  readonly #counts = new Map<Kept, number>();
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;

  constructor(parts: InquiryParts) {
    this.#parts = parts;
  }

  /** Whether a notice waits for a peer's answer. */
  has(kept: Kept): boolean {
    return this.#counts.has(kept);
  }

  /** Queues a question to a peer because of a notice; notices waiting for one peer share a question. */
  add(kept: Kept, peer: string): void {
    const waiting = this.#waiting.get(peer) ?? new Map<Kept, Wait>();
    if (waiting.has(kept)) return;
    this.#waiting.set(peer, waiting.set(kept, { questions: 0 }));
    this.#counts.set(kept, (this.#counts.get(kept) ?? 0) + 1);
    if (this.#parts.states.hasRoom) void this.#ask(peer, kept.heard.caller.address);
    this.#askLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  /** Starts the one timer for all peers, while a notice waits. */
  #askLater(): void {
    if (this.#isStopped || this.#waiting.size === 0) return;
    this.#cancelTimer ??= this.#parts.clock.startTimer(PAUSE_MS, () => {
      this.#cancelTimer = undefined;
      for (const peer of this.#waiting.keys()) {
        if (!this.#parts.states.hasRoom) break; // peers asked by now have moved to the end
        void this.#ask(peer);
      }
      this.#askLater();
    });
  }

  async #ask(peer: string, source?: string): Promise<void> {
    const { states, directory, isWanted, judge, arrived } = this.#parts;
    const ordinal = arrived();
    const asked = [...this.#waiting.get(peer) ?? []];
    const known = [peer, ...directory.aliasesOf(peer)]
      .filter((name) => normaliseAddress(name) !== undefined);
    // The source of the notice, if it is a known address, is up.
    const addresses = known.toSorted((a, b) => Number(b === source) - Number(a === source));
    const answer = await states.ask(peer, addresses);
    const waiting = this.#waiting.get(peer);
    if (answer === "later" || this.#isStopped || waiting === undefined) return;
    const when = { asked: ordinal, answered: arrived() };
    // Moved to the end (round robin), so that silent peers do not use up all questions.
    this.#waiting.delete(peer);
    this.#waiting.set(peer, waiting);
    for (const [kept, wait] of asked) {
      // Another question has ended the wait: a slow peer is asked again before it has answered.
      if (this.#waiting.get(peer)?.get(kept) !== wait) continue;
      const stated = this.#isOld(answer, kept, peer, ordinal) ? OLD : answer;
      if (!isWanted(kept)) this.#remove(kept, peer);
      else if (stated.fault !== undefined && wait.questions + 1 < QUESTIONS_MAX) wait.questions++;
      else {
        this.#remove(kept, peer);
        judge(kept, peer, stated, when);
      }
    }
  }

  /** Whether an answer that differs from the notice may be older than a registration of its peer. */
  #isOld(answer: StatedState, kept: Kept, peer: string, asked: number): boolean {
    if (answer.fault !== undefined || answer.state === kept.heard.state) return false;
    for (const { behind } of this.#parts.list.about(peer)) if (behind >= asked) return true;
    return false;
  }

  #remove(kept: Kept, peer: string): void {
    const waiting = this.#waiting.get(peer);
    if (waiting?.delete(kept) !== true) return;
    if (waiting.size === 0) this.#waiting.delete(peer);
    const left = this.#counts.get(kept)! - 1;
    if (left === 0) this.#counts.delete(kept);
    else this.#counts.set(kept, left);
  }
}
