/** Timers and timeouts. */

import type { Clock } from "../time/clock.ts";

/** Settles like a promise, but rejects with `late()` after a timeout. */
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

/** Timers of one owner, cancelled together. */
export class Timers {
  readonly #running = new Set<() => void>();

  constructor(readonly clock: Pick<Clock, "startTimer">) {}

  /** Runs `action` once after `ms` milliseconds, unless stopped before. */
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
