/**
 * The stop list: what each step of the start has added, backwards. Every stop has its bound, and none
 * that fails keeps the others from being called.
 */

import type { Log } from "../log.ts";
import { reasonOf } from "../nsm/ports.ts";
import type { Clock } from "../time/clock.ts";

/** Limit on one stop, in ms: service managers wait 90 s, and people less, for all of them. */
const STOP_TIMEOUT_MS = 3_000;

export class StopList implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();

  constructor(
    readonly clock: Pick<Clock, "startTimer">,
    readonly log: Pick<Log, "warning">,
  ) {}

  /** Adds what stops a step that has just been done; `what` names it in messages. */
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

  /** Stops everything, the latest first. It never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
