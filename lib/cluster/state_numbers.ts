/** State numbers of an identity: monotonic, even if the ledger is restored from a backup. */

import { nextStateNumber } from "../nsm/state_number.ts";

/** First number: above those announced by a node or another tool before, and below 2^31 until 2038. */
export function firstStateNumber(wallClock: number): number {
  return Math.floor(wallClock / 1000) | 1;
}

/** Next number; the time if that is later, since a restored ledger has an old number. */
export function laterStateNumber(previous: number, wallClock: number): number {
  const next = nextStateNumber(previous);
  return next > 0 ? Math.max(next, firstStateNumber(wallClock)) : next;
}
