/**
 * Keeping the log readable when something happens again and again, or when somebody outside makes it
 * happen.
 */

import type { Log, LogLevel } from "./log.ts";
import type { Clock } from "./time/clock.ts";

/** Kinds of messages that are counted at a time; beyond, they share one count. */
const KEYS_MAX = 256;

/** Logs a message unless there were too many of its key lately. */
export type LimitedLog = (
  level: Exclude<LogLevel, "debug">,
  /** What the messages have in common, fit to be shown. */
  key: string,
  message: () => string,
) => void;

/**
 * Lets through `lines` messages of each key in `intervalMs`, and says at its end how many there were
 * beyond.
 */
export function limited(log: Log, clock: Clock, lines: number, intervalMs: number): LimitedLog {
  const counts = new Map<string, number>();
  const endOfInterval = (key: string) => {
    const left = (counts.get(key) ?? 0) - lines;
    counts.delete(key);
    if (left > 0) log.warning(`${left} more messages like this in ${intervalMs / 1000} s: ${key}`);
  };
  return (level, key, message) => {
    const counted = counts.has(key) || counts.size < KEYS_MAX ? key : "of many kinds";
    const count = (counts.get(counted) ?? 0) + 1;
    counts.set(counted, count);
    if (count === 1) clock.startTimer(intervalMs, () => endOfInterval(counted));
    if (count <= lines) log[level](message());
  };
}
