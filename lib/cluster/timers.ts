/** Timers of one owner, which end together. */

import type { Clock } from "../time/clock.ts";

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
