/** Debounced garbage collection: after much work, when no more has come for a while. */

import type { Clock } from "./clock.ts";

/** Calls and look-ups after which collecting garbage pays off: they leave a few MB behind. */
const WORTHWHILE_AFTER = 2_000;
/** Idle time before garbage is collected, in ms: the calls of one burst are much closer together. */
const QUIET_MS = 200;

export class QuietTime {
  readonly #clock: Pick<Clock, "startTimer">;
  readonly #tidy: () => void;
  /** Units of work since the last collection. */
  #done = 0;

  /** `tidy` may take some ms. No timer runs while there is no work. */
  constructor(clock: Pick<Clock, "startTimer">, tidy: () => void) {
    this.#clock = clock;
    this.#tidy = tidy;
  }

  /** Counts a unit of work. */
  worked(): void {
    if (++this.#done === WORTHWHILE_AFTER) this.#waitForQuiet(this.#done);
  }

  #waitForQuiet(before: number): void {
    this.#clock.startTimer(QUIET_MS, () => {
      if (this.#done !== before) return this.#waitForQuiet(this.#done);
      this.#done = 0;
      this.#tidy();
    });
  }
}
