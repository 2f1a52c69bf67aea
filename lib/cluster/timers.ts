/** Timers, and what is bounded by them. */

import type { Clock } from "../time/clock.ts";

/**
 * Settles as a promise does, but within some milliseconds: then it rejects with what `late` returns. So
 * whoever waits is answered, whatever becomes of it.
 */
export function withinBudget<T>(
  promise: Promise<T>,
  { startTimer }: Pick<Clock, "startTimer">,
  ms: number,
  late: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = startTimer(ms, () => reject(late()));
    promise.then(resolve, reject).finally(cancel);
  });
}

/** Timers of one owner, which end together. */
export class Timers {
  readonly #running = new Set<() => void>();

  constructor(readonly clock: Pick<Clock, "startTimer">) {}

  /** Runs `action` once after `ms` milliseconds, unless they were stopped before. */
  after(ms: number, action: () => void): void {
    const cancel = this.clock.startTimer(ms, () => {
      this.#running.delete(cancel);
      action();
    });
    this.#running.add(cancel);
  }

  stop(): void {
    for (const cancel of this.#running) cancel();
    this.#running.clear();
  }
}
