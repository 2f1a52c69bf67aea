/**
 * The NSM state number: a signed 32-bit counter, odd while a host is up and even while it is down. It
 * never goes back while the host lives, except that it wraps as nfs-utils' does.
 *
 * Source: XNFS chapter 11; nfs-utils' handling of the file `state`.
 */

/** The number of a host whose file `state` is missing or too short: what nfs-utils starts with. */
export const INITIAL_STATE_NUMBER = 3;

/** The largest number, which is odd. */
const STATE_NUMBER_MAX = 0x7fffffff;

/**
 * The number of a life of the host of which nothing is kept: it is there for whoever asks, the same as
 * long as the host is up, and another one after the next boot. `bootId` is a random UUID of the boot.
 *
 * It is not counted up, as there is nothing to count from: a clock may begin anew at each boot where
 * there is no disk to write. Nobody needs the order, as such a host sends no SM_NOTIFY.
 */
export function stateNumberOfBoot(bootId: string): number {
  return parseInt(bootId.slice(0, 8), 16) & STATE_NUMBER_MAX | 1;
}

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
