/**
 * Lines about peers that could not be told yet: the first peer of each kind of fault, and once that there
 * are more. Who is left at the end gets a line of its own then: however many peers fail, they do not
 * hide who was told.
 */

import type { Log } from "../../log.ts";
import { quote } from "../../quote.ts";

/** Kinds of faults of which a peer is named while the run goes on. */
const KINDS_MAX = 3;

export class FaultLines {
  readonly #log: Log;
  readonly #kinds = new Set<string>();
  #saysMore = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** To be called when a turn has failed; `before` is the fault of the one before. */
  failed(name: string, fault: string, before: string | undefined): void {
    const kind = kindOf(fault, name);
    if (before !== undefined && kindOf(before, name) === kind) return;
    if (!this.#kinds.has(kind) && this.#kinds.size < KINDS_MAX) {
      this.#kinds.add(kind);
      this.#log.debug(() => `Cannot notify ${quote(name)} yet: ${fault}`);
    } else if (!this.#saysMore) {
      this.#saysMore = true;
      this.#log.debug(() => "More peers fail; who is not told is named at the end");
    }
  }
}

/** A fault without what differs from peer to peer and from try to try: names, addresses and times. */
function kindOf(fault: string, name: string): string {
  return fault.replaceAll(name, "").replace(/\d+(\.\d+)? ms/g, "")
    .replace(/[\da-fA-F]*:[\da-fA-F:]*(%\w+)?|\d+(\.\d+){3}/g, "").replace(/port \d{3,}/g, "");
}
