/** Answers that are good for a while. */

interface Entry<T> {
  readonly value: T;
  readonly expiresAt: number;
}

/** A map of bounded size whose entries expire; the one that was used longest ago makes room. */
export class ExpiringCache<T> {
  /** In the order of their last use, which is that of a Map when entries are taken out and put back. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(readonly maxEntries: number) {}

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now: number): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAt <= now) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  clear(): void {
    this.#entries.clear();
  }

  set(key: string, value: T, expiresAt: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAt });
    if (this.#entries.size <= this.maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }
}
