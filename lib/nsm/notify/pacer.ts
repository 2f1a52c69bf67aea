/**
 * Keeps datagrams from being sent faster than they can be received. Each one takes a place until its
 * answer is there, or until an answer is no longer likely; whoever finds no place free waits in line.
 *
 * A silent peer thus costs its place for a moment only, however long its answer is awaited: thousands
 * of calls may be outstanding at one time.
 */

import type { Clock } from "../../time/clock.ts";

/**
 * Datagrams that may be on their way at one time. Linux' default socket buffer of 212,992 bytes holds
 * some 250 small ones; half of that leaves room for whatever else arrives at ours, or at the one of a
 * peer that has many addresses.
 */
export const PLACES = 128;

/**
 * How long a place is kept without an answer: so many times as long as answers take on average, and
 * within these limits in ms. The lower one bounds the rate towards silent peers on a quick network, to
 * 128 datagrams of 150 bytes in 20 ms, 8 Mbit/s; the average keeps us from sending faster than a slow
 * network, or a busy machine at either end, gets on.
 */
const HOLD_AVERAGES = 3;
const HOLD_MIN_MS = 20;
const HOLD_MAX_MS = 1_000;

/** Weight of the newest answer in the average, as TCP has it (RFC 6298). */
const NEWEST_WEIGHT = 1 / 8;

/** A datagram's place, until its answer is there or the place was given to another one. */
export interface Place {
  readonly takenAt: number;
}

export class Pacer {
  readonly #clock: Clock;
  readonly #onRoom: () => void;
  /** Oldest first. */
  readonly #taken = new Set<Place>();
  /** Waiting senders, in order. */
  readonly #waiting = new Set<(place: Place) => void>();
  #cancelTimer: (() => void) | undefined;
  #averageMs: number | undefined;

  /** `onRoom` is called when a place is free and nobody waits for it. */
  constructor(clock: Clock, onRoom: () => void) {
    this.#clock = clock;
    this.#onRoom = onRoom;
  }

  /** True if a datagram can be sent without waiting. */
  get hasRoom(): boolean {
    return this.#taken.size < PLACES && this.#waiting.size === 0;
  }

  /** True if no answer is likely to come. */
  get isIdle(): boolean {
    return this.#taken.size === 0;
  }

  /** Takes a place, at once where there is one. */
  enter(): Place | Promise<Place> {
    return this.hasRoom
      ? this.#take(this.#clock.now())
      : new Promise((resolve) => this.#waiting.add(resolve));
  }

  /**
   * The answer has come, and the next datagram to the same peer is to be sent: it takes the place over, if
   * nobody else has it by now.
   */
  answered(place: Place): Place | undefined {
    const now = this.#clock.now();
    this.#learn(now - place.takenAt);
    return this.#taken.delete(place) ? this.#take(now) : undefined;
  }

  /** Gives a place back. */
  leave(place: Place): void {
    if (this.#taken.delete(place)) this.#letIn();
  }

  /** Ends the timer. */
  stop(): void {
    this.#cancelTimer?.();
  }

  #take(now: number): Place {
    const place = { takenAt: now };
    this.#taken.add(place);
    if (this.#cancelTimer === undefined) this.#watch(now);
    return place;
  }

  #letIn(): void {
    for (const resolve of this.#waiting) {
      if (this.#taken.size >= PLACES) return;
      this.#waiting.delete(resolve);
      resolve(this.#take(this.#clock.now()));
    }
    if (this.hasRoom) this.#onRoom();
  }

  #learn(ms: number): void {
    this.#averageMs ??= ms;
    this.#averageMs += NEWEST_WEIGHT * (ms - this.#averageMs);
  }

  get #holdMs(): number {
    const wanted = HOLD_AVERAGES * (this.#averageMs ?? HOLD_MIN_MS);
    return Math.min(Math.max(wanted, HOLD_MIN_MS), HOLD_MAX_MS);
  }

  /** One timer for all places, since the oldest is always the first to be given back. */
  #watch(now: number): void {
    for (const { takenAt } of this.#taken) {
      const ms = Math.max(1, takenAt + this.#holdMs - now);
      this.#cancelTimer = this.#clock.startTimer(ms, () => this.#giveBack());
      return;
    }
  }

  #giveBack(): void {
    this.#cancelTimer = undefined;
    const now = this.#clock.now();
    const oldest = now - this.#holdMs;
    for (const place of this.#taken) {
      if (place.takenAt > oldest) break;
      this.#taken.delete(place);
    }
    this.#watch(now);
    this.#letIn();
  }
}
