/** Clock as a parameter, so that a test can pass its own. */

/** Runs `action` once after `ms` milliseconds; returns the function that cancels it. */
export type StartTimer = (ms: number, action: () => void) => () => void;

export interface Clock {
  /** Monotonic time, in ms. */
  now(): number;
  /** Wall clock, in ms since 1970; it may jump. Only for display. */
  wallClock(): number;
  readonly startTimer: StartTimer;
  /** Runs `action` once the event loop has polled since: what was ready by then has been delivered. */
  afterTurn(action: () => void): void;
}

/** Settles after `ms` milliseconds, or when the signal is aborted; never rejects. */
export function sleep(startTimer: StartTimer, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = startTimer(ms, done);
    signal?.addEventListener("abort", done);
  });
}
