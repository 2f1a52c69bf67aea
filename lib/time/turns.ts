/** Turns of the event loop for work that comes in pieces and is done without waiting for anything. */

import type { Clock } from "./clock.ts";

/** Pieces of work without a turn in between, in ms together. */
const UNTURNED_MAX_MS = 2;
/** A turn, in ms: the shortest timer. Only with one does everything that waits have its turn. */
const TURN_MS = 1;

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

  /** Does a piece of work. */
  work(piece: () => void): void {
    const { now, startTimer } = this.#clock;
    const began = now();
    piece();
    this.#unturnedMs += now() - began;
    this.#turn ??= new Promise((resolve) =>
      startTimer(TURN_MS, () => {
        this.#unturnedMs = 0;
        this.#turn = undefined;
        resolve();
      })
    );
  }
}
