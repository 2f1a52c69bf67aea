/**
 * Notices whose state number is none that the peer can be expected to have, and that wait until the peer
 * itself has said which it has. What it says after a notice has come decides that notice, and all that came
 * before it: a peer that was installed anew is believed, and a forged number does not silence it.
 */

import { normaliseAddress } from "../rpc/address.ts";
import type { Clock } from "../time/clock.ts";
import type { Kept } from "./kept_notices.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import { PAUSE_MS, type PeerStates, type StatedState } from "./peer_states.ts";

/**
 * How often a peer is asked because of one notice, in number: for a minute, in which its status monitor
 * comes up behind the program that has sent the notice.
 */
const QUESTIONS_MAX = 12;

/** What inquiries are made with. */
export interface InquiryParts {
  readonly states: PeerStates;
  readonly directory: Pick<PeerDirectory, "aliasesOf">;
  readonly clock: Pick<Clock, "startTimer">;
  /** Whether a notice still waits to be judged. */
  readonly isWanted: (kept: Kept) => boolean;
  /** Judges a notice by what the peer says. */
  readonly judge: (kept: Kept, peer: string, stated: StatedState) => void;
}

export class StateInquiries {
  readonly #parts: InquiryParts;
  /** How often a peer was asked because of each notice, by the peer's key. */
  readonly #waiting = new Map<string, Map<Kept, number>>();
  /** Peers for which each notice waits, in number. */
  readonly #counts = new Map<Kept, number>();
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;

  constructor(parts: InquiryParts) {
    this.#parts = parts;
  }

  /** Whether a notice waits for what a peer says. */
  has(kept: Kept): boolean {
    return this.#counts.has(kept);
  }

  /** Has a peer asked because of a notice; once for all that wait for it. */
  add(kept: Kept, peer: string): void {
    const waiting = this.#waiting.get(peer) ?? new Map<Kept, number>();
    if (waiting.has(kept)) return;
    this.#waiting.set(peer, waiting.set(kept, 0));
    this.#counts.set(kept, (this.#counts.get(kept) ?? 0) + 1);
    if (this.#parts.states.hasRoom) void this.#ask(peer, kept.heard.caller.address);
    this.#askLater();
  }

  /** Ends all activity. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  /** One timer for all peers; it only runs while a notice waits. */
  #askLater(): void {
    if (this.#isStopped || this.#waiting.size === 0) return;
    this.#cancelTimer ??= this.#parts.clock.startTimer(PAUSE_MS, () => {
      this.#cancelTimer = undefined;
      for (const peer of this.#waiting.keys()) {
        if (!this.#parts.states.hasRoom) break; // those that were asked stand behind the others then
        void this.#ask(peer);
      }
      this.#askLater();
    });
  }

  async #ask(peer: string, source?: string): Promise<void> {
    const { states, directory, isWanted, judge } = this.#parts;
    const asked = [...this.#waiting.get(peer) ?? []];
    const known = [peer, ...directory.aliasesOf(peer)]
      .filter((name) => normaliseAddress(name) !== undefined);
    // The address that the notice came from, if it is one of these, is up.
    const addresses = known.toSorted((a, b) => Number(b === source) - Number(a === source));
    const stated = await states.ask(peer, addresses);
    const waiting = this.#waiting.get(peer);
    if (stated === "later" || this.#isStopped || waiting === undefined) return;
    // Behind all others: those that are silent must not be the only ones that are asked.
    this.#waiting.delete(peer);
    this.#waiting.set(peer, waiting);
    for (const [kept, questions] of asked) {
      if (!isWanted(kept)) this.#remove(kept, peer);
      else if (stated.fault !== undefined && questions + 1 < QUESTIONS_MAX) {
        waiting.set(kept, questions + 1);
      } else {
        this.#remove(kept, peer);
        judge(kept, peer, stated);
      }
    }
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
