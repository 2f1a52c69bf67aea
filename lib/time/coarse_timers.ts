/**
 * Coarse timers, for thousands of timeouts of which hardly any expires: all that end in one
 * interval share a real timer. Setting and cancelling one costs a tenth of a Deno timer.
 */

import type { Clock, StartTimer } from "./clock.ts";

/** Length of an interval, in ms: negligible for timeouts of two seconds and more. */
const INTERVAL_MS = 20;

/** Actions due at the end of an interval, by their cancel function. */
type Interval = Map<() => void, () => void>;

/** Makes timers that fire up to {@link INTERVAL_MS} late. */
export function coarseTimers(clock: Clock): StartTimer {
  const intervals = new Map<number, Interval>();
  const begin = (number: number): Interval => {
    const interval: Interval = new Map();
    intervals.set(number, interval);
    clock.startTimer(number * INTERVAL_MS - clock.now(), () => {
      intervals.delete(number);
      for (const action of interval.values()) action();
    });
    return interval;
  };
  return (ms, action) => {
    const number = Math.ceil((clock.now() + ms) / INTERVAL_MS);
    const interval = intervals.get(number) ?? begin(number);
    const cancel = () => void interval.delete(cancel);
    interval.set(cancel, action);
    return cancel;
  };
}
