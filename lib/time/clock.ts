/** Time as a parameter: what waits or measures takes a clock, so that a test can hand in its own. */

/** Runs `action` once after `ms` milliseconds; the function it returns cancels that. */
export type StartTimer = (ms: number, action: () => void) => () => void;

/** Time. */
export interface Clock {
  /** Milliseconds on a clock that only goes forward. */
  now(): number;
  /** Milliseconds since 1970 on the wall clock, which may jump. Only for what people read. */
  wallClock(): number;
  readonly startTimer: StartTimer;
}

/** Settles after `ms` milliseconds, or at once when the signal is or becomes aborted; it never rejects. */
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
