/** Recent problems: the last warning or error of each kind, for `nsmctl status`. */

import type { AdjustableLog, LogLevel } from "../log.ts";
import type { Problem } from "../control/status_report.ts";
import { withoutErrorNumbers } from "../quote.ts";

/** Limit of kinds: fits on a screen with the rest of the status. */
const KEPT = 10;
/** Longest message kept, in characters. */
const MESSAGE_MAX = 400;

/** Notices that mark a problem as resolved. */
const ENDS: readonly (readonly [notice: RegExp, problem: RegExp])[] = [
  [
    /^Registered with rpcbind/,
    /^(Not registered with rpcbind|Another program changed our registration)/,
  ],
  [
    /^Changes of the monitor list are stored again/,
    /\b(?:No space left|Read-only|Disk quota|I\/O error)/i,
  ],
];

/** Problems logged. */
export interface RecentProblems {
  readonly log: AdjustableLog;
  /** The last problem of each kind, newest last. */
  readonly problems: readonly Problem[];
  /** Number of messages of each level since the start. */
  readonly counts: Readonly<Record<Problem["level"], number>>;
}

/** Kind of a message: its text without numbers, addresses and quoted names. */
function kindOf(level: string, message: string): string {
  return `${level} ${message.replaceAll(/"[^"]*"|[\d.:]*\d/g, "#")}`;
}

/** Wraps a log to remember its problems. */
export function remembering(log: AdjustableLog, wallClock: () => number): RecentProblems {
  const kinds = new Map<string, Problem>();
  const problems: Problem[] = [];
  const counts = { error: 0, warning: 0 };
  const now = () => new Date(wallClock()).toISOString();
  const store = () => problems.splice(0, problems.length, ...kinds.values());
  const remember = (level: Problem["level"], text: string) => {
    counts[level]++;
    const message = withoutErrorNumbers(text).slice(0, MESSAGE_MAX);
    const kind = kindOf(level, message);
    const count = (kinds.get(kind)?.count ?? 0) + 1;
    kinds.delete(kind); // reinserted as the newest
    kinds.set(kind, { at: now(), level, message, count });
    if (kinds.size > KEPT) kinds.delete(kinds.keys().next().value!);
    store();
    log[level](text);
  };
  const resolve = (notice: string) => {
    const [, over] = ENDS.find(([end]) => end.test(notice)) ?? [];
    if (over === undefined) return;
    for (const [kind, problem] of kinds) {
      if (problem.resolvedAt !== undefined || !over.test(problem.message)) continue;
      kinds.set(kind, { ...problem, resolvedAt: now() });
    }
    store();
  };
  return {
    problems,
    counts,
    log: {
      error: (message) => remember("error", message),
      warning: (message) => remember("warning", message),
      notice(message) {
        resolve(message);
        log.notice(message);
      },
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
