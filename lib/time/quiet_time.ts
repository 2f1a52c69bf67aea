/** Debounced garbage collection: after much work, when no more has come for a while. */

import type { Clock } from "./clock.ts";

/** Calls and look-ups after which collecting garbage pays off: they leave a few MB behind. */
const WORTHWHILE_AFTER = 2_000;
/** Idle time before garbage is collected, in ms: the calls of one burst are much closer together. */
const QUIET_MS = 200;
/**
 * Interval between two collections, as a multiple of the duration of the first. Callers wait for a
 * collection, its duration grows with the number of hosts, and strangers can cause it by calls and a
 * pause.
 */
const INTERVAL_FACTOR = 100;

export class QuietTime {
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  readonly #tidy: () => void;
  /** Units of work since the last collection. */
  #done = 0;
  /** Time of the clock before which nothing is collected. */
  #notBefore = -Infinity;

  /** `tidy` may take some ms. No timer runs while there is no work. */
  constructor(clock: Pick<Clock, "now" | "startTimer">, tidy: () => void) {
    this.#clock = clock;
    this.#tidy = tidy;
  }

  /** Counts a unit of work. */
  worked(): void {
    if (++this.#done === WORTHWHILE_AFTER) this.#waitForQuiet(this.#done);
  }

  #waitForQuiet(before: number): void {
    const ms = Math.max(QUIET_MS, this.#notBefore - this.#clock.now());
    this.#clock.startTimer(ms, () => {
      if (this.#done !== before) return this.#waitForQuiet(this.#done);
      this.#done = 0;
      this.#tidyUp();
    });
  }

  #tidyUp(): void {
    const began = this.#clock.now();
    this.#tidy();
    const ended = this.#clock.now();
    this.#notBefore = ended + INTERVAL_FACTOR * (ended - began);
  }
}
