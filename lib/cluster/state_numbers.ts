/** State numbers of an identity: they only grow, whatever becomes of the ledger. */

import { nextStateNumber } from "../nsm/state_number.ts";

/** The first one: above whatever a node or another tool has announced, and below 2^31 until 2038. */
export function firstStateNumber(wallClock: number): number {
  return Math.floor(wallClock / 1000) | 1;
}

/** The next one; the time where that is later, as a backup of a ledger that is restored has an old one. */
export function laterStateNumber(previous: number, wallClock: number): number {
  const next = nextStateNumber(previous);
  return next > 0 ? Math.max(next, firstStateNumber(wallClock)) : next;
}
