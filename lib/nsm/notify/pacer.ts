/**
 * Pacer: a semaphore for datagrams in flight, so that they are not sent faster than they can be
 * received. A datagram takes a place until its answer arrives, or is no longer likely to arrive
 * soon. Senders without a place wait in FIFO order.
 *
 * A silent peer takes its place only briefly, however long its answer is awaited: thousands of
 * calls may be outstanding at one time.
 */

import type { Clock } from "../../time/clock.ts";

/**
 * Datagrams in flight, at most. Linux' default socket buffer of 212,992 bytes holds some 250 small
 * ones; half of that leaves room for other traffic, at our socket or at a peer with many addresses.
 */
export const PLACES = 128;

/**
 * Time a place is held without an answer: a multiple of the average response time, within limits in
 * ms. The lower limit bounds the rate towards silent peers on a fast network: 128 datagrams of 150
 * bytes in 20 ms are 8 Mbit/s. The average adapts to slow networks and busy hosts.
 */
const HOLD_AVERAGES = 3;
const HOLD_MIN_MS = 20;
const HOLD_MAX_MS = 1_000;

/** Weight of the newest response time in the moving average, as in TCP (RFC 6298). */
const NEWEST_WEIGHT = 1 / 8;

/** Permit of one datagram. */
export interface Place {
  readonly takenAt: number;
}

export class Pacer {
  readonly #clock: Clock;
  readonly #onRoom: () => void;
  /** Permits in use, oldest first. */
  readonly #taken = new Set<Place>();
  /** Waiting senders, in FIFO order. */
  readonly #waiting = new Set<(place: Place) => void>();
  #cancelTimer: (() => void) | undefined;
  #averageMs: number | undefined;

  /** `onRoom` is called when a place is free and no sender waits. */
  constructor(clock: Clock, onRoom: () => void) {
    this.#clock = clock;
    this.#onRoom = onRoom;
  }

  /** Whether a datagram can be sent without waiting. */
  get hasRoom(): boolean {
    return this.#taken.size < PLACES && this.#waiting.size === 0;
  }

  /** Whether no answer is likely to arrive. */
  get isIdle(): boolean {
    return this.#taken.size === 0;
  }

  /** Takes a place, at once if one is free. */
  enter(): Place | Promise<Place> {
    return this.hasRoom
      ? this.#take(this.#clock.now())
      : new Promise((resolve) => this.#waiting.add(resolve));
  }

  /**
   * Notes an answer, and passes the place on to the next datagram to that peer; undefined if the
   * place has expired.
   */
  answered(place: Place): Place | undefined {
    const now = this.#clock.now();
    this.#learn(now - place.takenAt);
    return this.#taken.delete(place) ? this.#take(now) : undefined;
  }

  /** Releases a place. */
  leave(place: Place): void {
    if (this.#taken.delete(place)) this.#letIn();
  }

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

  /** Starts the one timer for all places, since the oldest always expires first. */
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
