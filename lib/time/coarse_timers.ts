/**
 * Timers for thousands of waits of which nearly none runs out: one real timer for all that end in the
 * same interval. Setting one and cancelling it costs a tenth of a timer of the runtime.
 */

import type { Clock, StartTimer } from "./clock.ts";

/** Length of an interval in ms: nothing for a wait of two seconds and more. */
const INTERVAL_MS = 20;

/** Actions due at the end of an interval, by the function that cancels each. */
type Interval = Map<() => void, () => void>;

/** Starts timers that run up to {@link INTERVAL_MS} late. */
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
