/** Long work in slices, between which callers are answered. */

import type { Clock } from "./clock.ts";

/** Length of a slice, in ms: with its last step, less than the 10 ms that a call may wait for work. */
const SLICE_MS = 8;

/** Clock of the slices. */
export interface SliceParts {
  readonly clock: Pick<Clock, "now" | "startTimer">;
  /** Ends the work early. */
  readonly signal: AbortSignal;
}

/**
 * Does work that is made of small steps, the first slice of them at once.
 *
 * @returns Nothing when these were all; else what settles after the last one, or rejects with what it
 *   has thrown.
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
      if (signal.aborted || isDoneWithSlice()) return;
    }
  };
  return isDoneWithSlice() ? undefined : doRest();
}
