/** Waiting, in a way that can be cut short. */

import type { StartTimer } from "../rpc/transport.ts";

/** Settles after `ms`, or at once when the signal is or becomes aborted; it never rejects. */
export function pause(startTimer: StartTimer, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = startTimer(ms, done);
    signal.addEventListener("abort", done);
  });
}
