/**
 * Stop list: undoes the steps of the start in reverse. Every stop has a timeout, and a failed one
 * does not prevent the next.
 */

import type { Log } from "../log.ts";
import { reasonOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";

/** Timeout of one stop, in ms. Service managers wait 90 s for all of them, people less. */
const STOP_TIMEOUT_MS = 3_000;

export class StopList implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();

  constructor(
    readonly clock: Pick<Clock, "startTimer">,
    readonly log: Pick<Log, "warning">,
  ) {}

  /** Adds the stop of a step that has succeeded; `what` names it in messages. */
  add(what: string, stop: () => unknown): void {
    this.#stack.defer(async () => {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancel = this.clock.startTimer(STOP_TIMEOUT_MS, () => {
        this.log.warning(`Not waiting any longer for the end of ${what}`);
        resolve();
      });
      try {
        await Promise.race([stop(), late]);
      } catch (error) {
        this.log.warning(`Cannot stop ${what}: ${reasonOf(error)}`);
      } finally {
        cancel();
      }
    });
  }

  /** Runs all stops, latest first. Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
