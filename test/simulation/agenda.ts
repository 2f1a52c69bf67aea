/** Agenda of a simulated world: future events by time. It is also the world's clock. */

import { setImmediate } from "node:timers";
import { Heap } from "../../lib/nsm/heap.ts";

/** Stands for all turns of the microtask queue until no code is ready. */
export const TURNS_TO_REST = Infinity;
/** Number of turns counted for them: more than any reply takes. */
const RESTING_TURNS = 90;

interface Entry {
  readonly at: number;
  readonly sequence: number;
  /** Turns of the microtask queue to run afterwards; few between simultaneous events. */
  readonly turns: number;
  action: (() => void) | undefined;
}

export class Agenda {
  #now = 0;
  #sequence = 0;
  readonly #entries = new Heap<Entry>((a, b) =>
    a.at === b.at ? a.sequence < b.sequence : a.at < b.at
  );
  /** Number of executed entries, and of executed turns of the microtask queue. */
  steps = 0;
  turns = 0;

  get now(): number {
    return this.#now;
  }

  /** Schedules an action in `ms`; returns a function that cancels it. */
  after(ms: number, action: () => void, turns = TURNS_TO_REST): () => void {
    const at = this.#now + Math.max(0, ms);
    const entry: Entry = { at, sequence: this.#sequence++, turns, action };
    this.#entries.push(entry);
    return () => entry.action = undefined;
  }

  /** Lets time pass until `end`; `check` is called whenever all code is idle. */
  async run(end: number, check: () => void): Promise<void> {
    for (;;) {
      const entry = this.#entries.first;
      if (entry === undefined || entry.at > end) break;
      this.#entries.pop();
      if (entry.action === undefined) continue;
      this.#now = Math.max(this.#now, entry.at);
      this.steps++;
      entry.action();
      // Time passes only while all code is idle.
      const isFollowed = this.#entries.first?.at === this.#now;
      const turns = isFollowed ? entry.turns : TURNS_TO_REST;
      if (turns === TURNS_TO_REST) {
        await new Promise((resolve) => setImmediate(resolve));
        this.turns += RESTING_TURNS;
      } else for (let turn = 0; turn < turns; turn++, this.turns++) await undefined;
      check();
    }
    this.#now = Math.max(this.#now, end);
  }
}
