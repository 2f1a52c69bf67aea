/** Turns of the event loop for work that comes in pieces and is done without waiting for anything. */

import type { Clock } from "./clock.ts";

/** Pieces of work without a turn in between, in ms together. */
const UNTURNED_MAX_MS = 2;
/**
 * Work for which a turn is asked for, in ms: less is not worth a timer, which wakes the program. What other
 * turns lay in between is not known, so that it may be counted too long.
 */
const WORTH_A_TURN_MS = UNTURNED_MAX_MS / 2;
/** A turn, in ms: the shortest timer. Only with one does everything that waits have its turn. */
const TURN_MS = 1;
/**
 * Time for the first steps of a piece of work, in ms, whatever was done since the last turn: enough for
 * all steps of nearly every piece, so that it does not have to wait behind a long one.
 */
const AT_ONCE_MS = 0.5;

/** What work in several turns asks and tells on its way. */
export interface TurnsOptions {
  /** Whether the rest is to be left undone; asked after each turn. */
  readonly isOver: () => boolean;
  /** Told how long each slice took, in ms. */
  readonly spent?: ((ms: number) => void) | undefined;
}

/** Counts how long pieces of work have taken since the event loop had its last turn. */
export class Turns {
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  #unturnedMs = 0;
  #turn: Promise<void> | undefined;

  constructor(clock: Pick<Clock, "now" | "startTimer">) {
    this.#clock = clock;
  }

  /** Wait before the next piece of work; undefined where it may begin at once. */
  get due(): Promise<void> | undefined {
    return this.#unturnedMs > UNTURNED_MAX_MS ? this.#turn : undefined;
  }

  /** Does a piece of work, and returns how long it took, in ms. */
  work(piece: () => void): number {
    const began = this.#clock.now();
    piece();
    const took = this.#clock.now() - began;
    this.#unturnedMs += took;
    if (this.#unturnedMs > WORTH_A_TURN_MS) this.#askForTurn();
    return took;
  }

  #askForTurn(): void {
    this.#turn ??= new Promise((resolve) =>
      this.#clock.startTimer(TURN_MS, () => {
        this.#unturnedMs = 0;
        this.#turn = undefined;
        resolve();
      })
    );
  }

  /** Does the first of many small steps; whether these were all. {@link finish} does the rest. */
  begin(steps: Iterator<unknown>): boolean {
    return this.#slice(steps, AT_ONCE_MS);
  }

  /**
   * Does the rest of the steps, with turns in between. All that wait at one time share the turns, in the
   * order in which they began.
   *
   * @throws What a step throws (as a rejection).
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
