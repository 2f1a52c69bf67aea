/**
 * Keeping the log readable when something happens again and again, or when somebody outside makes it
 * happen.
 */

import type { Log, LogLevel } from "./log.ts";
import type { Clock } from "./nsm/ports.ts";

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

/**
 * Failures of things that are tried again: one line when it begins, one when it is over, and only debug
 * messages in between. A key stands for one thing, such as a peer.
 */
export class Repeats {
  readonly #failures = new Map<string, number>();

  constructor(readonly log: Log) {}

  failed(key: string, message: string): void {
    const count = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, count);
    if (count === 1) this.log.warning(message);
    else this.log.debug(() => `${message} (time ${count})`);
  }

  /** It worked: worth a line where it had failed. */
  recovered(key: string, message: string): void {
    const count = this.#failures.get(key);
    if (count === undefined) return;
    this.#failures.delete(key);
    this.log.notice(`${message} (after ${count} failures)`);
  }

  /** It is not tried again. */
  gaveUp(key: string, message: string): void {
    const count = this.#failures.get(key) ?? 0;
    this.#failures.delete(key);
    this.log.error(`${message} (after ${count} failures)`);
  }
}
