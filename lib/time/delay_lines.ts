/**
 * Items that each wait for one of a few lengths of time. Those that wait equally long stand in a line, in
 * which nobody overtakes: so one timer does for all, and nothing costs in proportion to their number.
 */

import type { Clock } from "./clock.ts";

export class DelayLines<T> {
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  readonly #isDue: () => void;
  /** When each item is due, the first one first, by the length of its wait in ms. */
  readonly #lines = new Map<number, Map<T, number>>();
  #cancel: (() => void) | undefined;
  #timerAt = Infinity;

  /** `isDue` is called when an item is due, until it is taken. */
  constructor(clock: Pick<Clock, "now" | "startTimer">, isDue: () => void) {
    this.#clock = clock;
    this.#isDue = isDue;
  }

  /** Has an item wait, which must not be waiting. */
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

  /** Takes out the item that has been due longest, if one is. */
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

  /** Starts the timer of the first item, unless an earlier one runs. */
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
