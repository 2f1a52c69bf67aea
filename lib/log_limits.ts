/**
 * Rate limit of log lines that repeat, or that remote hosts can cause: a few lines per kind, a cap
 * over all kinds, and one summary at the end of an interval.
 */

import type { Log, LogLevel } from "./log.ts";
import type { Clock } from "./time/clock.ts";

/** Kinds of messages counted separately; further kinds share one count. */
const KEYS_MAX = 256;
const OTHER_KINDS = "of many kinds";
/** Kinds named in a summary, most frequent first. */
const NAMED_MAX = 3;

/** Logs a message unless the limit of its key is exceeded. */
export type LimitedLog = (
  level: Exclude<LogLevel, "debug">,
  /** Kind of the message, including its source; shown in the summary. */
  key: string,
  message: () => string,
) => void;

/** Limits of a log. */
export interface LogLimits {
  /** Lines per key in an interval. */
  readonly lines: number;
  /** Lines per level in an interval, over all keys. */
  readonly total: number;
  readonly intervalMs: number;
}

/** Limits of messages that hosts and users can cause: enough to notice, too little to fill a disk. */
export const STRANGERS_LIMITS: LogLimits = {
  lines: 5,
  total: 20,
  /** Short enough to see an attack end. */
  intervalMs: 60_000,
};

/**
 * Makes a rate-limited log. At the end of an interval one line reports the number of dropped
 * messages, and their most frequent keys.
 */
export function limited(
  log: Log,
  clock: Pick<Clock, "startTimer">,
  { lines, total, intervalMs }: LogLimits = STRANGERS_LIMITS,
): LimitedLog {
  const counts = new Map<string, { count: number; left: number }>();
  const written = new Map<LogLevel, number>();
  const endOfInterval = () => {
    const left = [...counts].map(([key, { left }]) => [key, left] as const)
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a);
    counts.clear();
    written.clear();
    if (left.length > 0) log.warning(summary(left, intervalMs));
  };
  return (level, key, message) => {
    if (counts.size === 0) clock.startTimer(intervalMs, endOfInterval);
    const counted = counts.has(key) || counts.size < KEYS_MAX ? key : OTHER_KINDS;
    let kind = counts.get(counted);
    if (kind === undefined) counts.set(counted, kind = { count: 0, left: 0 });
    const inLevel = written.get(level) ?? 0;
    if (++kind.count <= lines && inLevel < total) {
      written.set(level, inLevel + 1);
      log[level](message());
    } else kind.left++;
  };
}

function summary(left: readonly (readonly [string, number])[], intervalMs: number): string {
  const sum = left.reduce((all, [, count]) => all + count, 0);
  const more = `${sum} more messages like this in ${intervalMs / 1000} s: `;
  if (left.length === 1) return more + left[0]![0];
  const named = left.slice(0, NAMED_MAX).map(([key, count]) => `${key} (${count})`).join(", ");
  const others = left.length - NAMED_MAX;
  return more + named + (others > 0 ? `, and ${others} other kinds` : "");
}
