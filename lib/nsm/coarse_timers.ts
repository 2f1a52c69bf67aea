/**
 * Timers for thousands of waits of which nearly none runs out: one real timer for all that end in the
 * same interval. Setting one and cancelling it costs a tenth of a timer of the runtime.
 */

import type { StartTimer } from "../rpc/transport.ts";
import type { Clock } from "./ports.ts";

/** Length of an interval in ms: nothing for a wait of two seconds and more. */
const INTERVAL_MS = 20;

/** Starts timers that run up to {@link INTERVAL_MS} late. */
export function coarseTimers(clock: Clock): StartTimer {
  const intervals = new Map<number, Set<() => void>>();
  return (ms, action) => {
    const number = Math.ceil((clock.now() + ms) / INTERVAL_MS);
    let actions = intervals.get(number);
    if (actions === undefined) {
      const own = new Set<() => void>();
      intervals.set(number, actions = own);
      clock.startTimer(number * INTERVAL_MS - clock.now(), () => {
        intervals.delete(number);
        for (const due of own) due();
      });
    }
    // One action may be waited for several times.
    const entry = () => action();
    actions.add(entry);
    return () => void actions.delete(entry);
  };
}
