/** Keeps the last warnings and errors of the log, for `nsmctl status`. */

import type { AdjustableLog, LogLevel } from "../log.ts";
import type { Problem } from "../control/status_report.ts";

/** Problems that are kept: as many as fit on a screen together with the rest. */
const KEPT = 10;
/** Characters of one that are kept. */
const MESSAGE_MAX = 400;

/** What the log has said. */
export interface RecentProblems {
  readonly log: AdjustableLog;
  /** The last ones, newest last. */
  readonly problems: readonly Problem[];
  /** How many there were of each level since the start. */
  readonly counts: Readonly<Record<Problem["level"], number>>;
}

/** A log that remembers what went through it. */
export function remembering(log: AdjustableLog, wallClock: () => number): RecentProblems {
  const problems: Problem[] = [];
  const counts = { error: 0, warning: 0 };
  const remember = (level: Problem["level"], message: string) => {
    counts[level]++;
    const at = new Date(wallClock()).toISOString();
    problems.push({ at, level, message: message.slice(0, MESSAGE_MAX) });
    if (problems.length > KEPT) problems.shift();
    log[level](message);
  };
  return {
    problems,
    counts,
    log: {
      error: (message) => remember("error", message),
      warning: (message) => remember("warning", message),
      notice: (message) => log.notice(message),
      info: (message) => log.info(message),
      debug: (message) => log.debug(message),
      get threshold(): LogLevel {
        return log.threshold;
      },
      set threshold(level: LogLevel) {
        log.threshold = level;
      },
    },
  };
}
