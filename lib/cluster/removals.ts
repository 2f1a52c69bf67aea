/** Removals: unmonitored peers on their way off a ledger (rule R4). */

import type { Timers } from "./timers.ts";

/** Delay before unmonitored peers are removed, in ms; a peer told too much ignores it. */
const REMOVE_AFTER_MS = 10_000;

export class Removals {
  /** Names by key. */
  readonly #names = new Map<string, string>();
  #isDue = false;

  /** `wake` is called when names are due. */
  constructor(readonly timers: Timers, readonly wake: () => void) {}

  get isDue(): boolean {
    return this.#isDue && this.#names.size > 0;
  }

  add(key: string, monName: string): void {
    if (this.#names.size === 0) {
      this.#isDue = false;
      this.timers.after(REMOVE_AFTER_MS, () => this.hasten());
    }
    this.#names.set(key, monName);
  }

  /** Takes a peer back: it is monitored again. */
  delete(key: string): void {
    this.#names.delete(key);
  }

  /** Makes all removals due now. */
  hasten(): void {
    this.#isDue = true;
    this.wake();
  }

  /** Dequeues up to `count` names. */
  take(count: number): (readonly [key: string, monName: string])[] {
    const some = this.#names.entries().take(count).toArray();
    for (const [key] of some) this.#names.delete(key);
    return some;
  }
}
