/** Settlements: peers told of older epochs, until the ledger records that (rule R7). */

import { nameKey } from "../nsm/host_name.ts";
import type { Timers } from "./timers.ts";

/**
 * Time for which a told peer stays pending if it does not register again, in ms: longer than the
 * grace period in which it reclaims its locks.
 */
const SETTLE_AFTER_MS = 120_000;

export class Settlements {
  /** Names to be settled now, by {@link nameKey}. */
  readonly #due = new Map<string, string>();
  /** Names of told peers that are not on record again yet, by {@link nameKey}. */
  readonly #awaited = new Map<string, string>();

  /** `wake` is called when names are due. */
  constructor(readonly timers: Timers, readonly wake: () => void) {}

  get size(): number {
    return this.#due.size;
  }

  /** Adds told peers: each is due when it is on record again, or has not come back. */
  add(monNames: readonly string[], isRecorded: (key: string) => boolean): void {
    const later: string[] = [];
    for (const monName of monNames) {
      const key = nameKey(monName);
      if (isRecorded(key)) this.#due.set(key, monName);
      else {
        later.push(key);
        this.#awaited.set(key, monName);
      }
    }
    this.wake();
    if (later.length === 0) return;
    this.timers.after(SETTLE_AFTER_MS, () => this.returned(later));
  }

  /** Notes peers, by key, that need not be awaited any more; other ones are ignored. */
  returned(keys: readonly string[]): void {
    if (this.#awaited.size === 0) return;
    for (const key of keys) {
      const monName = this.#awaited.get(key);
      if (monName === undefined) continue;
      this.#awaited.delete(key);
      this.#due.set(key, monName);
    }
    this.wake();
  }

  /** First names that are due. */
  first(count: number): (readonly [key: string, monName: string])[] {
    return this.#due.entries().take(count).toArray();
  }

  delete(key: string): void {
    this.#due.delete(key);
  }
}
