/**
 * Retry schedule: pauses between attempts, and their total time.
 *
 * Source: nfs-utils sm-notify(8) (2 s doubling to 120 s, for 15 minutes); rpc.statd(8) of FreeBSD
 * and macOS (seconds for a start, minutes for ten minutes, then hourly for a day).
 */

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;

/** Pauses and total time of attempts. */
export interface RetrySchedule {
  /** Pause after each failure in turn, in ms; the last one repeats. Not empty. */
  readonly pausesMs: readonly number[];
  /** Total time of attempts unless configured otherwise, in ms. */
  readonly totalMs: number;
}

/** nfs-utils' schedule: it was seen to send at 0, 2, 6, 14, 30, 62, 126, 246 s and so on. */
const linux: RetrySchedule = {
  pausesMs: [2, 4, 8, 16, 32, 64, 120].map((seconds) => seconds * SECOND_MS),
  totalMs: 15 * MINUTE_MS,
};

const bsd = schedule([
  ...new Array<number>(10).fill(5 * SECOND_MS),
  ...new Array<number>(10).fill(MINUTE_MS),
  ...new Array<number>(24).fill(60 * MINUTE_MS),
]);

/** Named schedules. */
export const RETRY_SCHEDULES: Readonly<Record<string, RetrySchedule>> = { linux, bsd, macos: bsd };

/**
 * Range of configured pauses, in seconds: up to a week. A shorter last pause, which repeats, would
 * be a flood.
 */
const PAUSE_MIN_SECONDS = 0.1;
const PAUSE_MAX_SECONDS = 7 * 24 * 3600;

/** Schedule that ends with its last pause. */
function schedule(pausesMs: readonly number[]): RetrySchedule {
  return { pausesMs, totalMs: pausesMs.reduce((sum, pause) => sum + pause, 0) };
}

/** Parses a schedule's name, or seconds separated by commas; undefined if invalid. */
export function readRetrySchedule(text: string): RetrySchedule | undefined {
  const word = text.trim().toLowerCase();
  if (Object.hasOwn(RETRY_SCHEDULES, word)) return RETRY_SCHEDULES[word];
  const seconds = word.split(",").map((part) => part.trim()).map((part) =>
    /^\d+(\.\d+)?$/.test(part) ? Number(part) : NaN
  );
  const isUsable = (value: number) => value >= PAUSE_MIN_SECONDS && value <= PAUSE_MAX_SECONDS;
  if (!seconds.every(isUsable)) return undefined;
  return schedule(seconds.map((value) => Math.round(value * SECOND_MS)));
}
