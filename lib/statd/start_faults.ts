/** Faults of a start with which the daemon serves all the same. */

import type { Log } from "../log.ts";
import { reasonOf } from "../nsm/ports.ts";

/** Collects the faults: each is a warning in the log, and in the status until the daemon ends. */
export class StartFaults {
  readonly #log: Log;
  readonly #texts: string[];

  /** `known` are faults that the log has already. */
  constructor(log: Log, known: readonly string[]) {
    this.#log = log;
    this.#texts = [...known];
  }

  get texts(): readonly string[] {
    return this.#texts;
  }

  add(text: string): void {
    this.#texts.push(text);
    this.#log.warning(text);
  }

  /** Opens a thing; undefined where that fails, which is a fault. */
  attempt<T>(thing: string, open: () => T): T | undefined {
    try {
      return open();
    } catch (error) {
      this.#texts.push(`no ${thing}: ${reasonOf(error)}`);
      this.#log.warning(`Cannot open the ${thing}: ${reasonOf(error)}`);
      return undefined;
    }
  }
}
