/**
 * The NSM state number: a signed 32-bit counter, odd while a host is up and even while it is down. It
 * never goes back while the host lives, except that it wraps as nfs-utils' does.
 *
 * Source: XNFS chapter 11; nfs-utils' handling of the file `state`.
 */

/** The number of a host whose file `state` is missing or too short: what nfs-utils starts with. */
export const INITIAL_STATE_NUMBER = 3;

/** The number to use while up, where `stored` is what the file holds: the same, or one more if even. */
export function upStateNumber(stored: number): number {
  return isOdd(stored) ? stored : (stored + 1) | 0;
}

/** The number of the next life of the host: the next odd one. */
export function nextStateNumber(stored: number): number {
  return (upStateNumber(stored) + 2) | 0;
}

/** Whether a state number says that its host is up. */
export function isOdd(state: number): boolean {
  return (state & 1) === 1;
}
