/**
 * Delay queue for a few fixed delays. Items of one delay form a FIFO queue, so one timer serves all
 * items, and no operation takes time in proportion to their number.
 */

import type { Clock } from "./clock.ts";

export class DelayLines<T> {
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  readonly #isDue: () => void;
  /** Due times of the items, first one first, by delay in ms. */
  readonly #lines = new Map<number, Map<T, number>>();
  #cancel: (() => void) | undefined;
  #timerAt = Infinity;

  /** `isDue` is called while an item is due, until it is taken. */
  constructor(clock: Pick<Clock, "now" | "startTimer">, isDue: () => void) {
    this.#clock = clock;
    this.#isDue = isDue;
  }

  /** Adds an item, which must not be queued already. */
  add(item: T, ms: number): void {
    const line = this.#lines.get(ms) ?? new Map<T, number>();
    this.#lines.set(ms, line.set(item, this.#clock.now() + ms));
    this.#startTimer();
  }

  delete(item: T): void {
    for (const line of this.#lines.values()) line.delete(item);
  }

  clear(): void {
    this.#lines.clear();
    this.#cancel?.();
    this.#timerAt = Infinity;
  }

  /** Removes and returns the item that has been due longest, if any. */
  take(): T | undefined {
    const first = this.#first();
    if (first === undefined) return undefined;
    if (first.at <= this.#clock.now()) {
      first.line.delete(first.item);
      return first.item;
    }
    this.#startTimer();
    return undefined;
  }

  #first() {
    let first: { item: T; at: number; line: Map<T, number> } | undefined;
    for (const line of this.#lines.values()) {
      for (const [item, at] of line) {
        if (first === undefined || at < first.at) first = { item, at, line };
        break;
      }
    }
    return first;
  }

  /** Starts the timer for the first item, unless an earlier one runs. */
  #startTimer(): void {
    const first = this.#first();
    if (first === undefined || first.at >= this.#timerAt) return;
    this.#cancel?.();
    this.#timerAt = first.at;
    this.#cancel = this.#clock.startTimer(Math.max(0, first.at - this.#clock.now()), () => {
      this.#timerAt = Infinity;
      this.#isDue();
    });
  }
}
