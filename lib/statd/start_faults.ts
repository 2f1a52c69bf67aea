/** Start faults: reduce the service without preventing it. */

import type { Log } from "../log.ts";
import { reasonOf } from "../reason.ts";

/** Collects faults. Each is logged as a warning, and shown in the status until the daemon ends. */
export class StartFaults {
  readonly #log: Log;
  readonly #texts: string[];

  /** `known` are faults that were logged already. */
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

  /** Opens a resource; undefined if that fails, which is recorded as a fault. */
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
