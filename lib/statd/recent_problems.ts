/** Keeps the last warnings and errors of the log by kind, for `nsmctl status`. */

import type { AdjustableLog, LogLevel } from "../log.ts";
import type { Problem } from "../control/status_report.ts";
import { withoutErrorNumbers } from "../quote.ts";

/** Kinds of problems that are kept: as many as fit on a screen together with the rest. */
const KEPT = 10;
/** Characters of one that are kept. */
const MESSAGE_MAX = 400;

/** Notices that say that a problem is over. */
const ENDS: readonly (readonly [notice: RegExp, problem: RegExp])[] = [
  [/^Registered with rpcbind/, /^(Not registered with rpcbind|Somebody changed our registration)/],
  [
    /^Changes of the monitor list are kept again/,
    /\b(?:No space left|Read-only|Disk quota|I\/O error)/i,
  ],
];

/** Problems that the log has had. */
export interface RecentProblems {
  readonly log: AdjustableLog;
  /** The last one of each kind, newest last. */
  readonly problems: readonly Problem[];
  /** Messages of each level since the start, in number. */
  readonly counts: Readonly<Record<Problem["level"], number>>;
}

/** Kind of a message: its text without numbers, addresses and quoted names. */
function kindOf(level: string, message: string): string {
  return `${level} ${message.replaceAll(/"[^"]*"|[\d.:]*\d/g, "#")}`;
}

/** A log that remembers what went through it. */
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
    kinds.delete(kind); // the newest is the last one
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
