/** Simulated clock that advances once all code is idle: hours pass in milliseconds. */

import { Heap } from "../../lib/nsm/heap.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { TURN_MS } from "./fake_clock.ts";

/** Turns of the microtask queue after which code that waits for the clock only is idle. */
const TURNS_TO_REST = 40;

interface Timer {
  readonly at: number;
  readonly sequence: number;
  action: (() => void) | undefined;
}

export class SimulatedClock implements Clock {
  #now = 0;
  #timers = new Heap<Timer>((a, b) => a.at === b.at ? a.sequence < b.sequence : a.at < b.at);
  #started = 0;
  /** Offset of the wall clock; tests may set it. */
  wallOffset = 1_700_000_000_000;

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return this.#now + this.wallOffset;
  }

  startTimer = (ms: number, action: () => void): () => void => {
    const timer: Timer = { at: this.#now + Math.max(0, ms), sequence: this.#started++, action };
    this.#timers.push(timer);
    return () => timer.action = undefined;
  };

  readonly afterTurn = (action: () => void): void => void this.startTimer(TURN_MS, action);

  /** Lets time pass without running timers, as if the process had been stopped: due timers are late. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Lets time pass until a promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    for (;;) {
      for (let turn = 0; turn < TURNS_TO_REST && !isSettled; turn++) await null;
      if (isSettled) return await promise;
      if (!this.#step()) throw new Error("Everybody waits, and no timer is set");
    }
  }

  /** Lets an amount of time pass. */
  async pass(ms: number): Promise<void> {
    await this.until(new Promise<void>((resolve) => this.startTimer(ms, resolve)));
  }

  /** Advances to the next timer and runs it; false if there is none. */
  #step(): boolean {
    for (;;) {
      const timer = this.#timers.first;
      if (timer === undefined) return false;
      this.#timers.pop();
      if (timer.action === undefined) continue;
      this.#now = Math.max(this.#now, timer.at);
      timer.action();
      return true;
    }
  }
}
