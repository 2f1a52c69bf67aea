/**
 * What is said of peers that could not be told yet: the first ones of each kind of fault, one by one, and
 * of the others that there are some. Who is left at the end gets a line of its own then.
 */

import type { Log } from "../../log.ts";
import { quote } from "../../quote.ts";

/** Peers of one kind of fault that are named while the run goes on. */
const NAMED_MAX = 3;
/** Kinds of faults that are told apart; behind them nothing more is said before the end. */
const KINDS_MAX = 5;

export class FaultLines {
  readonly #log: Log;
  /** Peers by kind of fault, in number. */
  readonly #kinds = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** To be called when a turn has failed; `before` is the fault of the one before. */
  failed(name: string, fault: string, before: string | undefined): void {
    const kind = kindOf(fault, name);
    if (before !== undefined && kindOf(before, name) === kind) return;
    const count = (this.#kinds.get(kind) ?? 0) + 1;
    if (count === 1 && this.#kinds.size === KINDS_MAX) return;
    this.#kinds.set(kind, count);
    if (count <= NAMED_MAX) {
      this.#log.debug(() => `Cannot notify ${quote(name)} yet: ${fault}`);
    } else if (count === NAMED_MAX + 1) {
      this.#log.debug(() => "More peers like this one are named at the end");
    }
  }
}

/** A fault without what differs from peer to peer and from try to try: names, addresses and times. */
function kindOf(fault: string, name: string): string {
  return fault.replaceAll(name, "").replace(/\d+(\.\d+)? ms/g, "")
    .replace(/[\da-fA-F]*:[\da-fA-F:]*(%\w+)?|\d+(\.\d+){3}/g, "").replace(/port \d{3,}/g, "");
}
