/** Worker pool: overlapping steps of one kind of work, as long as there is some. */

/** Steps in one run, so that other work gets its turn while callers never stop. */
const STEPS_MAX = 20;

export class WorkerPool {
  #running = 0;
  #stepsLeft = 0;
  readonly #failures: unknown[] = [];
  #ended = Promise.withResolvers<void>();

  /** A step takes its part of the work before it waits for anything. */
  constructor(
    readonly workers: number,
    readonly hasWork: () => boolean,
    readonly step: () => Promise<void>,
  ) {}

  /** Works until nothing is left, or too many steps were made. @throws The first failure of a step. */
  async run(): Promise<void> {
    this.#failures.length = 0;
    this.#stepsLeft = STEPS_MAX;
    this.#ended = Promise.withResolvers();
    this.more();
    if (this.#running > 0) await this.#ended.promise;
    this.#stepsLeft = 0;
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** Begins work that has arrived during a run. */
  more(): void {
    while (this.#running < this.workers && this.#isDue()) void this.#worker();
  }

  async #worker(): Promise<void> {
    this.#running++;
    try {
      while (this.#isDue()) {
        this.#stepsLeft--;
        await this.step();
      }
    } catch (error) {
      this.#failures.push(error);
      this.#stepsLeft = 0;
    }
    if (--this.#running > 0) return;
    this.#stepsLeft = 0; // nothing begins before run() has returned
    this.#ended.resolve();
  }

  #isDue(): boolean {
    return this.#stepsLeft > 0 && this.hasWork();
  }
}
