/** Long work in slices, between which callers are answered. */

import type { Clock } from "./ports.ts";

/** Length of a slice, in ms: what the first answer of a start with many peers may wait for. */
const SLICE_MS = 10;

/** What slices are cut with. */
export interface SliceParts {
  readonly clock: Pick<Clock, "now" | "startTimer">;
  /** Ends the work early. */
  readonly signal: AbortSignal;
}

/**
 * Hands over one item after the other, the first slice of them at once.
 *
 * @returns Nothing when these were all; else what settles with the last one, or rejects with what `take`
 *   or the items have thrown.
 */
export function inSlices<T>(
  items: Iterable<T>,
  take: (item: T) => void,
  { clock, signal }: SliceParts,
): Promise<void> | undefined {
  const iterator = items[Symbol.iterator]();
  const takeSlice = (): boolean => {
    const end = clock.now() + SLICE_MS;
    while (clock.now() < end) {
      const { done, value } = iterator.next();
      if (done === true) return true;
      take(value);
    }
    return false;
  };
  const takeRest = async () => {
    for (;;) {
      await new Promise<void>((resolve) => clock.startTimer(0, resolve));
      if (signal.aborted || takeSlice()) return;
    }
  };
  return takeSlice() ? undefined : takeRest();
}
