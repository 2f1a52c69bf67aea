/** What is going to happen in a simulated world, by time: its clock, without which nothing goes on. */

import { Heap } from "../../lib/nsm/heap.ts";

/** Turns of the microtask queue after which everything that was ready has come to rest. */
export const TURNS_TO_REST = 90;

interface Entry {
  readonly at: number;
  readonly sequence: number;
  /** Turns of the microtask queue that follow; few where several things happen at one time. */
  readonly turns: number;
  action: (() => void) | undefined;
}

export class Agenda {
  #now = 0;
  #sequence = 0;
  readonly #entries = new Heap<Entry>((a, b) =>
    a.at === b.at ? a.sequence < b.sequence : a.at < b.at
  );
  /** Entries that have come to pass, and turns of the microtask queue that have. */
  steps = 0;
  turns = 0;

  get now(): number {
    return this.#now;
  }

  /** Has something happen in `ms`; the function that it returns calls it off. */
  after(ms: number, action: () => void, turns = TURNS_TO_REST): () => void {
    const at = this.#now + Math.max(0, ms);
    const entry: Entry = { at, sequence: this.#sequence++, turns, action };
    this.#entries.push(entry);
    return () => entry.action = undefined;
  }

  /** Lets time pass until `end`; `check` is called whenever the world has come to rest. */
  async run(end: number, check: () => void): Promise<void> {
    for (;;) {
      const entry = this.#entries.first;
      if (entry === undefined || entry.at > end) break;
      this.#entries.pop();
      if (entry.action === undefined) continue;
      this.#now = Math.max(this.#now, entry.at);
      this.steps++;
      entry.action();
      // Time passes for those at rest only.
      const isFollowed = this.#entries.first?.at === this.#now;
      const turns = isFollowed ? entry.turns : TURNS_TO_REST;
      for (let turn = 0; turn < turns; turn++, this.turns++) await undefined;
      check();
    }
    this.#now = Math.max(this.#now, end);
  }
}
