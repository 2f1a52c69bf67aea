/**
 * Fair semaphore: each party may hold a few slots, and queue a few tasks. The party that asked last
 * is served first, so that in a flood a new party is served soon. When the queue is full, the
 * oldest task of the party that asked longest ago is dropped.
 */

/** Limits of all parties together, and of one. */
export interface FairLimits {
  readonly slots: number;
  readonly slotsOfOne: number;
  readonly lineMax: number;
  readonly lineOfOne: number;
}

interface Waiting {
  readonly start: () => Promise<void>;
  readonly giveUp: () => void;
}

export class FairSlots {
  readonly #limits: FairLimits;
  #running = 0;
  readonly #runningOf = new Map<string, number>();
  /** Queued tasks by party, oldest first; the party that asked last is last. */
  readonly #lines = new Map<string, Waiting[]>();
  #inLine = 0;

  constructor(limits: FairLimits) {
    this.#limits = limits;
  }

  /** Runs a task when a slot is free; undefined if the queue has no room for it. */
  run<T>(party: string, task: () => Promise<T>): Promise<T | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
    const start = () => task().then(resolve, reject);
    if (this.#mayStart(party)) {
      this.#start(party, start);
      return promise;
    }
    const line = this.#lines.get(party) ?? [];
    if (line.length >= this.#limits.lineOfOne) return Promise.resolve(undefined);
    line.push({ start, giveUp: () => resolve(undefined) });
    this.#lines.delete(party);
    this.#lines.set(party, line);
    if (++this.#inLine > this.#limits.lineMax) this.#giveUpOldest();
    return promise;
  }

  #mayStart(party: string): boolean {
    const { slots, slotsOfOne } = this.#limits;
    return this.#running < slots && (this.#runningOf.get(party) ?? 0) < slotsOfOne;
  }

  #start(party: string, start: () => Promise<void>): void {
    this.#running++;
    this.#runningOf.set(party, (this.#runningOf.get(party) ?? 0) + 1);
    void start().finally(() => {
      this.#running--;
      const left = this.#runningOf.get(party)! - 1;
      if (left === 0) this.#runningOf.delete(party);
      else this.#runningOf.set(party, left);
      this.#startNext();
    });
  }

  #startNext(): void {
    for (const party of [...this.#lines.keys()].reverse()) {
      while (this.#mayStart(party) && this.#lines.has(party)) {
        this.#start(party, this.#take(party).start);
      }
      if (this.#running >= this.#limits.slots) return;
    }
  }

  #giveUpOldest(): void {
    for (const party of this.#lines.keys()) return this.#take(party).giveUp();
  }

  /** Dequeues the oldest task of a party. */
  #take(party: string): Waiting {
    const line = this.#lines.get(party)!;
    const first = line.shift()!;
    if (line.length === 0) this.#lines.delete(party);
    this.#inLine--;
    return first;
  }
}
