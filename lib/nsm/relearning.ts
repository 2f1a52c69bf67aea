/**
 * When the name service is asked again about peers of which it has told nothing: with exponential back-off
 * about all of them, and every few seconds about some while somebody waits for it. One timer does both.
 */

import type { Clock } from "../time/clock.ts";
import { RELEARN_MAX_MS, RELEARN_MIN_MS, URGENT_RELEARN_MS } from "./directory_parts.ts";

/** Less than this is no pause, in ms. */
const SHORT_MS = 1;

export class Relearning {
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  readonly #relearn: (isForAll: boolean) => void;
  #pauseMs = RELEARN_MIN_MS;
  /** When it is time for all, on the clock that only goes forward; undefined before that is decided. */
  #allAt: number | undefined;
  #cancel: (() => void) | undefined;

  /** `relearn` is called when it is time; `isForAll` says that the back-off is over. */
  constructor(
    clock: Pick<Clock, "now" | "startTimer">,
    relearn: (isForAll: boolean) => void,
  ) {
    this.#clock = clock;
    this.#relearn = relearn;
  }

  /** Has it happened after the back-off, or sooner if it is urgent; what is planned already stays. */
  plan(isUrgent: boolean): void {
    if (this.#cancel !== undefined) return;
    const now = this.#clock.now();
    this.#allAt ??= now + this.#pauseMs;
    const ms = Math.max(0, this.#allAt - now);
    this.#cancel = this.#clock.startTimer(isUrgent ? Math.min(URGENT_RELEARN_MS, ms) : ms, () => {
      this.#cancel = undefined;
      // Sums of fractions may fall short of one another.
      const isForAll = this.#clock.now() + SHORT_MS >= this.#allAt!;
      if (isForAll) {
        this.#allAt = undefined;
        this.#pauseMs = Math.min(2 * this.#pauseMs, RELEARN_MAX_MS);
      }
      this.#relearn(isForAll);
    });
  }

  /** Begins the back-off anew. */
  restart(): void {
    this.#pauseMs = RELEARN_MIN_MS;
  }

  /** Ends all activity. */
  stop(): void {
    this.#cancel?.();
  }
}
