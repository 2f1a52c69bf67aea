/** One timer that is set again and again, mostly to the time that it is set to already. */

import type { Clock } from "../../time/clock.ts";

export class Alarm {
  readonly #clock: Clock;
  readonly #action: () => void;
  #time = Infinity;
  #cancelTimer = () => {};

  constructor(clock: Clock, action: () => void) {
    this.#clock = clock;
    this.#action = action;
  }

  /** Rings at this time of the clock, in place of any other; Infinity is never. */
  set(time: number): void {
    if (time === this.#time) return;
    this.#cancelTimer();
    this.#time = time;
    if (time === Infinity) return;
    this.#cancelTimer = this.#clock.startTimer(Math.max(0, time - this.#clock.now()), () => {
      this.#time = Infinity;
      this.#action();
    });
  }
}
