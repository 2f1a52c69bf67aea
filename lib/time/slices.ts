/** Sliced work: callers are answered between slices. */

import type { Clock } from "./clock.ts";

/** Length of a slice, in ms: with its last step below the 10 ms that a call may wait. */
const SLICE_MS = 8;

/** Clock, and the signal that ends the work early, if any. */
export interface SliceParts {
  readonly clock: Pick<Clock, "now" | "startTimer">;
  /** Ends the work early. */
  readonly signal?: AbortSignal;
}

/**
 * Runs work made of small steps, the first slice synchronously.
 *
 * @returns Undefined if that was all; else a promise for the rest, which rejects with an error of a
 * step.
 */
export function inSlices(
  work: Iterable<unknown>,
  { clock, signal }: SliceParts,
): Promise<void> | undefined {
  const steps = work[Symbol.iterator]();
  const isDoneWithSlice = (): boolean => {
    const end = clock.now() + SLICE_MS;
    while (clock.now() < end) {
      if (steps.next().done === true) return true;
    }
    return false;
  };
  const doRest = async () => {
    for (;;) {
      await new Promise<void>((resolve) => clock.startTimer(0, resolve));
      if (signal?.aborted || isDoneWithSlice()) return;
    }
  };
  return isDoneWithSlice() ? undefined : doRest();
}
