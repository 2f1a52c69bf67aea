/**
 * Log lines about peers that could not be told yet: the first peer of each kind of fault, then one
 * line that more peers fail. Peers still untold at the end get a line each then, so failures do not
 * hide successes.
 */

import type { Log } from "../../log.ts";
import { quote } from "../../quote.ts";

/** Kinds of faults that are logged during the run. */
const KINDS_MAX = 3;

export class FaultLines {
  readonly #log: Log;
  readonly #kinds = new Set<string>();
  #saysMore = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs a failed turn; `before` is the fault of the peer's previous turn. */
  failed(name: string, fault: string, before: string | undefined): void {
    const kind = kindOf(fault, name);
    if (before !== undefined && kindOf(before, name) === kind) return;
    if (!this.#kinds.has(kind) && this.#kinds.size < KINDS_MAX) {
      this.#kinds.add(kind);
      this.#log.debug(() => `Cannot notify ${quote(name)} yet: ${fault}`);
    } else if (!this.#saysMore) {
      this.#saysMore = true;
      this.#log.debug(() => "More peers fail; those not told are named at the end");
    }
  }
}

/** Kind of a fault: its text without names, addresses and times. */
function kindOf(fault: string, name: string): string {
  return fault.replaceAll(name, "").replace(/\d+(\.\d+)? ms/g, "")
    .replace(/[\da-fA-F]*:[\da-fA-F:]*(%\w+)?|\d+(\.\d+){3}/g, "").replace(/port \d{3,}/g, "");
}
