/** Turns of the event loop between pieces of synchronous work. */

import type { Clock } from "./clock.ts";

/** Longest total of work without a turn, in ms. Unknown turns in between make the total too high. */
const UNTURNED_MAX_MS = 2;
/**
 * Time for the first steps of a job, in ms, independent of earlier jobs: enough for nearly every
 * job to complete, so that it need not queue behind a long one.
 */
const AT_ONCE_MS = 0.5;

/** Callbacks of work in several turns. */
export interface TurnsOptions {
  /** Whether to abandon the rest; called after each turn. */
  readonly isOver: () => boolean;
  /** Called with the duration of each slice, in ms. */
  readonly spent?: ((ms: number) => void) | undefined;
}

/** Scheduler that tracks the work done since the last turn of the event loop. */
export class Turns {
  readonly #clock: Pick<Clock, "now" | "afterTurn">;
  #unturnedMs = 0;
  #turn: Promise<void> | undefined;

  constructor(clock: Pick<Clock, "now" | "afterTurn">) {
    this.#clock = clock;
  }

  /** Turn to be awaited before the next piece of work; undefined if it may start at once. */
  get due(): Promise<void> | undefined {
    return this.#unturnedMs > UNTURNED_MAX_MS ? this.#turn ??= this.#nextTurn() : undefined;
  }

  /** Runs a piece of work, and returns its duration in ms. */
  work(piece: () => void): number {
    const began = this.#clock.now();
    piece();
    const took = this.#clock.now() - began;
    this.#unturnedMs += took;
    return took;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) =>
      this.#clock.afterTurn(() => {
        this.#unturnedMs = 0;
        this.#turn = undefined;
        resolve();
      })
    );
  }

  /** Runs the first of many small steps; returns whether they were all. {@link finish} runs the rest. */
  begin(steps: Iterator<unknown>): boolean {
    return this.#slice(steps, AT_ONCE_MS);
  }

  /**
   * Runs the remaining steps, with turns in between. Concurrent pieces share the turns in FIFO
   * order.
   *
   * @throws The error of a step (as a rejection).
   */
  async finish(steps: Iterator<unknown>, { isOver, spent }: TurnsOptions): Promise<void> {
    for (let isDone = false; !isDone;) {
      while (this.due !== undefined) await this.due;
      if (isOver()) return;
      isDone = this.#slice(steps, UNTURNED_MAX_MS, spent);
    }
  }

  #slice(steps: Iterator<unknown>, ms: number, spent?: (ms: number) => void): boolean {
    let isDone = false;
    const took = this.work(() => {
      const end = this.#clock.now() + ms;
      do {
        isDone = steps.next().done === true;
      } while (!isDone && this.#clock.now() < end);
    });
    spent?.(took);
    return isDone;
  }
}
