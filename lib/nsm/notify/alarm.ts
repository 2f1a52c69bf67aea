/** Resettable timer, optimised for being set to the time it already has. */

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

  /** Sets the time of the clock at which the action runs, replacing any other; Infinity: never. */
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
