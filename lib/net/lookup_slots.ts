/**
 * A semaphore with a bounded queue, first in, first out.
 *
 * A look-up by the C library holds a thread until it returns and cannot be called off.
 */

/** Outcome of a task that was queued. */
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

  /** True if a further task would be turned away. */
  get isFull(): boolean {
    return this.#free === 0 && this.#line.length - this.#next >= this.lineMax;
  }

  /**
   * Runs a task when there is room for it, first come first served. One that nobody wants any more when
   * its turn comes is not run.
   */
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
    // The head is cut off now and then, so that an entry costs O(1) however long the queue is.
    if (this.#next > this.lineMax || this.#next === this.#line.length) {
      this.#line.splice(0, this.#next);
      this.#next = 0;
    }
  }
}
