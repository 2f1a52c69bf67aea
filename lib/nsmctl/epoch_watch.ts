/** Epoch watch: stops a notifier whose epoch is superseded (rule R6). */

import { SupersededError } from "../cluster/ledger.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { sleep } from "../time/clock.ts";

/** Interval of checks of the epoch, in ms. */
const VERIFY_MS = 1_000;
/** Time for which a run continues without a successful check, in ms (rule R6). */
const UNVERIFIED_MAX_MS = 5_000;
/** Reason why a run ended early. */
export type RunEnd = "superseded" | "unreachable" | undefined;

/** Aborts a run whose epoch is superseded, or was not verified for too long (rule R6). */
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

  /** Whether the epoch was verified recently; checked before each attempt. */
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
      // A hanging check is not followed by another.
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
