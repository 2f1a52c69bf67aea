/**
 * Keeps datagrams from being sent faster than they can be received. Each one takes a place until its
 * answer is there, or until an answer is no longer likely; whoever finds no place free waits in line.
 *
 * A silent peer thus costs its place for a moment only, however long its answer is awaited: thousands
 * of calls may be outstanding at one time.
 */

import type { Clock } from "./ports.ts";

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
export const HOLD_MIN_MS = 20;
const HOLD_MAX_MS = 1_000;

/** Weight of the newest answer in the average, as TCP has it (RFC 6298). */
const NEWEST_WEIGHT = 1 / 8;

export class Pacer {
  readonly #clock: Clock;
  readonly #onRoom: () => void;
  /** When each place was taken, by ticket, oldest first. */
  readonly #taken = new Map<number, number>();
  #nextTicket = 0;
  /** Those in line; each is handed the ticket of its place. */
  readonly #waiting = new Set<(ticket: number) => void>();
  #cancelTimer: (() => void) | undefined;
  #averageMs: number | undefined;

  /** `onRoom` is called when a place is free and nobody waits for it. */
  constructor(clock: Clock, onRoom: () => void) {
    this.#clock = clock;
    this.#onRoom = onRoom;
  }

  /** Whether something new can be sent without waiting. */
  get hasRoom(): boolean {
    return this.#taken.size < PLACES && this.#waiting.size === 0;
  }

  /** Makes a call when there is a place for its datagram. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const ticket = this.hasRoom
      ? this.#take()
      : await new Promise<number>((resolve) => this.#waiting.add(resolve));
    const sentAt = this.#clock.now();
    try {
      const answer = await call();
      this.#learn(this.#clock.now() - sentAt);
      return answer;
    } finally {
      if (this.#taken.delete(ticket)) this.#letIn();
    }
  }

  /** Ends the timer. */
  stop(): void {
    this.#cancelTimer?.();
  }

  #take(): number {
    const ticket = this.#nextTicket++;
    this.#taken.set(ticket, this.#clock.now());
    this.#watch();
    return ticket;
  }

  #letIn(): void {
    for (const resolve of this.#waiting) {
      if (this.#taken.size >= PLACES) return;
      this.#waiting.delete(resolve);
      resolve(this.#take());
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
  #watch(): void {
    if (this.#cancelTimer !== undefined) return;
    for (const since of this.#taken.values()) {
      const ms = Math.max(1, since + this.#holdMs - this.#clock.now());
      this.#cancelTimer = this.#clock.startTimer(ms, () => this.#giveBack());
      return;
    }
  }

  #giveBack(): void {
    this.#cancelTimer = undefined;
    const oldest = this.#clock.now() - this.#holdMs;
    for (const [ticket, since] of this.#taken) {
      if (since > oldest) break;
      this.#taken.delete(ticket);
    }
    this.#watch();
    this.#letIn();
  }
}
