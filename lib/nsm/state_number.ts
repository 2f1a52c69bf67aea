/**
 * NSM state number: a signed 32-bit counter, odd while a host is up and even while it is down. It
 * never decreases while the host exists, except that it wraps, as nfs-utils' does.
 *
 * Source: XNFS chapter 11; nfs-utils' handling of the file `state`.
 */

/** Number used when the file `state` is missing or too short, as in nfs-utils. */
export const INITIAL_STATE_NUMBER = 3;

/** Largest number, which is odd. */
const STATE_NUMBER_MAX = 0x7fffffff;

/**
 * State number of a host that stores nothing: constant while the host is up, and different after
 * the next boot. `bootId` is the random UUID of the boot.
 *
 * It is not counted up, as nothing is stored to count from: even the clock may restart at each
 * boot. The order does not matter, as such a host sends no SM_NOTIFY.
 */
export function stateNumberOfBoot(bootId: string): number {
  return parseInt(bootId.slice(0, 8), 16) & STATE_NUMBER_MAX | 1;
}

/** Number to use while up, from the number in the file: unchanged if odd, else one more. */
export function upStateNumber(stored: number): number {
  return isOdd(stored) ? stored : (stored + 1) | 0;
}

/** Number of the host's next life: the next odd one. */
export function nextStateNumber(stored: number): number {
  return (upStateNumber(stored) + 2) | 0;
}

/** Whether a state number means "up". */
export function isOdd(state: number): boolean {
  return (state & 1) === 1;
}
