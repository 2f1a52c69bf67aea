/** Watch over the epoch of a run: a notifier that is superseded stops (rule R6). */

import { SupersededError } from "../cluster/ledger.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { sleep } from "../time/clock.ts";

/** How often it is looked at whether the epoch is the present one, in ms. */
const VERIFY_MS = 1_000;
/** How long a run goes on that cannot find that out, in ms (rule R6). */
const UNVERIFIED_MAX_MS = 5_000;
/** Why a run ended early. */
export type RunEnd = "superseded" | "unreachable" | undefined;

/** Ends a run whose epoch is over, or that has not been able to tell for too long (rule R6). */
export class EpochWatch {
  end: RunEnd;
  readonly #verify: () => Promise<void>;
  readonly #abort = new AbortController();
  readonly #stop = new AbortController();
  #verifiedAt = clock.now();

  constructor(verify: () => Promise<void>) {
    this.#verify = verify;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the epoch was the present one a moment ago; asked before each attempt. */
  get isCurrent(): boolean {
    if (clock.now() - this.#verifiedAt > UNVERIFIED_MAX_MS) this.#over("unreachable");
    return this.end === undefined;
  }

  async run(): Promise<void> {
    while (!this.#stop.signal.aborted && this.isCurrent) {
      const verifying = this.#verify().then(
        () => void (this.#verifiedAt = clock.now()),
        (error) => {
          if (error instanceof SupersededError) this.#over("superseded");
        },
      );
      const waited = sleep(clock.startTimer, VERIFY_MS, this.#stop.signal);
      await waited;
      // One that hangs is not followed by another.
      await Promise.race([verifying, this.#unverifiedForTooLong()]);
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  #over(end: RunEnd): void {
    this.end ??= end;
    this.#abort.abort();
    this.#stop.abort();
  }

  async #unverifiedForTooLong(): Promise<void> {
    const left = this.#verifiedAt + UNVERIFIED_MAX_MS - clock.now() + 1;
    await sleep(clock.startTimer, Math.max(1, left), this.#stop.signal);
  }
}
