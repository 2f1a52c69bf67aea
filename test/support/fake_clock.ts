/** Clock moved by a test. */

import type { Clock } from "../../lib/time/clock.ts";

/** Turns of the microtask queue after which our fakes have nothing left to do. */
const PROMISE_TURNS = 50;

/** Duration of a turn of the event loop, in ms. */
export const TURN_MS = 1;

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

export class FakeClock implements Clock {
  /** Offset of the wall clock from {@link now}; change it to make the wall clock jump. */
  wallOffset: number;
  #now = 0;
  readonly #timers = new Set<Timer>();

  /** `startedAt` is the initial wall-clock time. */
  constructor(startedAt: number = Date.UTC(2024, 0, 1)) {
    this.wallOffset = startedAt;
  }

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.wallOffset + this.#now;
  }

  readonly startTimer = (ms: number, action: () => void): () => void => {
    const timer = { at: this.#now + Math.max(0, ms), action };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  readonly afterTurn = (action: () => void): void => void this.startTimer(TURN_MS, action);

  /** Number of waiting timers. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due; undefined if there is none. */
  get untilNext(): number | undefined {
    const next = this.#next();
    return next && next.at - this.#now;
  }

  /**
   * Lets time pass and runs due timers in order, including timers that they start. Continuations of
   * promises run after the return.
   */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#now = next.at;
      this.#timers.delete(next);
      next.action();
    }
    this.#now = end;
  }

  /** Advances by milliseconds, running continuations of promises in between. */
  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed++) {
      this.advance(1);
      for (let turn = 0; turn < PROMISE_TURNS; turn++) await Promise.resolve();
    }
  }

  /** Advances from timer to timer, for long times, running continuations of promises in between. */
  async runFar(ms: number): Promise<void> {
    for (const end = this.#now + ms; this.#now < end;) {
      this.advance(Math.min(end - this.#now, Math.max(1, this.untilNext ?? ms)));
      for (let turn = 0; turn < PROMISE_TURNS; turn++) await Promise.resolve();
    }
  }

  /** Earliest timer; among equals the one started first. */
  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next;
  }
}
