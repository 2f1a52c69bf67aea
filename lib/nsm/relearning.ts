/**
 * Retry timer for peers that the name service has not answered for: exponential back-off for all of
 * them, and a short fixed interval for some while a notice waits. One timer serves both.
 */

import type { Clock } from "../time/clock.ts";
import { RELEARN_MAX_MS, RELEARN_MIN_MS, URGENT_RELEARN_MS } from "./directory_parts.ts";

/** Rounding tolerance of timers, in ms. */
const SHORT_MS = 1;

export class Relearning {
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  readonly #relearn: (isForAll: boolean) => void;
  #pauseMs = RELEARN_MIN_MS;
  /** Monotonic time of the next retry for all; undefined while none is planned. */
  #allAt: number | undefined;
  #cancel: (() => void) | undefined;

  /** `relearn` is called at each retry; `isForAll`: the back-off has elapsed. */
  constructor(
    clock: Pick<Clock, "now" | "startTimer">,
    relearn: (isForAll: boolean) => void,
  ) {
    this.#clock = clock;
    this.#relearn = relearn;
  }

  /** Plans a retry after the back-off, or sooner if urgent; an earlier plan stands. */
  plan(isUrgent: boolean): void {
    if (this.#cancel !== undefined) return;
    const now = this.#clock.now();
    this.#allAt ??= now + this.#pauseMs;
    const ms = Math.max(0, this.#allAt - now);
    this.#cancel = this.#clock.startTimer(isUrgent ? Math.min(URGENT_RELEARN_MS, ms) : ms, () => {
      this.#cancel = undefined;
      // Floating-point sums may fall short.
      const isForAll = this.#clock.now() + SHORT_MS >= this.#allAt!;
      if (isForAll) {
        this.#allAt = undefined;
        this.#pauseMs = Math.min(2 * this.#pauseMs, RELEARN_MAX_MS);
      }
      this.#relearn(isForAll);
    });
  }

  /** Resets the back-off. */
  restart(): void {
    this.#pauseMs = RELEARN_MIN_MS;
  }

  stop(): void {
    this.#cancel?.();
  }
}
