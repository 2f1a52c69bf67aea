/**
 * Circuit breaker of a ledger: open from a failure until a probe succeeds. Changes are refused at
 * once meanwhile, since lockd has one thread that waits for us.
 */

import type { HeldParts } from "./held_parts.ts";
import { LedgerError } from "./ledger.ts";
import type { Timers } from "./timers.ts";

/** Interval of probes of a failing ledger, in ms. */
const PROBE_MS = 500;

export class CircuitBreaker {
  readonly #parts: Pick<HeldParts, "id" | "isLocalEnough" | "say">;
  readonly #timers: Timers;
  readonly #probe: () => void;
  #fault: string | undefined;
  #isStopped = false;

  constructor(
    parts: Pick<HeldParts, "id" | "isLocalEnough" | "say">,
    timers: Timers,
    /** Called each {@link PROBE_MS} while the breaker is open. */
    probe: () => void,
  ) {
    this.#parts = parts;
    this.#timers = timers;
    this.#probe = probe;
  }

  /** Why nothing can be recorded; undefined while closed. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Error for changes that are refused. */
  get refusal(): LedgerError {
    return new LedgerError(`identity ${this.#parts.id}: ${this.#fault}`);
  }

  /** Opens, or notes another reason. */
  open(reason: string): void {
    const isNews = this.#fault === undefined;
    this.#fault = reason;
    if (!isNews || this.#isStopped) return;
    const { id, isLocalEnough, say } = this.#parts;
    const meanwhile = isLocalEnough
      ? "until its ledger works again, new hosts are recorded on this node alone, and are lost " +
        "if it dies before then"
      : "until its ledger works again, new hosts are refused";
    say("ledgerFailed", id, `${reason}; ${meanwhile}`);
    this.#probeLater();
  }

  /** Says nothing more, and probes no more. */
  stop(): void {
    this.#isStopped = true;
  }

  close(): void {
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    this.#parts.say("ledgerWorks", this.#parts.id, "its ledger works again");
  }

  #probeLater(): void {
    this.#timers.after(PROBE_MS, () => {
      if (this.#fault === undefined) return;
      this.#probe();
      this.#probeLater();
    });
  }
}
