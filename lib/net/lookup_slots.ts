/**
 * A semaphore with a bounded FIFO queue.
 *
 * A look-up by the C library holds its slot until it returns: it cannot be cancelled.
 */

/** Outcome of a queued task. */
export type Slotted<T> = { readonly isRun: true; readonly value: T } | { readonly isRun: false };

interface Waiting {
  readonly isWanted: () => boolean;
  readonly start: () => void;
  readonly skip: () => void;
}

export class LookupSlots {
  #free: number;
  readonly #line: Waiting[] = [];
  #next = 0;

  constructor(slots: number, readonly lineMax: number) {
    this.#free = slots;
  }

  /** Whether a further task would be rejected. */
  get isFull(): boolean {
    return this.#free === 0 && this.#line.length - this.#next >= this.lineMax;
  }

  /** Runs a task when a slot is free, in FIFO order; skips it if it is no longer wanted then. */
  run<T>(task: () => Promise<T>, isWanted: () => boolean): Promise<Slotted<T>> {
    return new Promise((resolve, reject) => {
      const start = () => {
        this.#free--;
        task().then((value) => resolve({ isRun: true, value }), reject).finally(() => {
          this.#free++;
          this.#startNext();
        });
      };
      if (this.#free > 0) start();
      else this.#line.push({ isWanted, start, skip: () => resolve({ isRun: false }) });
    });
  }

  #startNext(): void {
    while (this.#free > 0 && this.#next < this.#line.length) {
      const { isWanted, start, skip } = this.#line[this.#next++]!;
      if (isWanted()) start();
      else skip();
    }
    // The head is cut off in batches, so that an entry costs O(1) however long the queue is.
    if (this.#next > this.lineMax || this.#next === this.#line.length) {
      this.#line.splice(0, this.#next);
      this.#next = 0;
    }
  }
}
