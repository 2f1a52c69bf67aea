/** Where the programs log: the system log, or stderr when asked, or the journal behind it. */

import {
  type AdjustableLog,
  isJournal,
  type LogLevel,
  type LogSink,
  makeLog,
  stderrSink,
  thresholdOf,
} from "../log.ts";
import { isInBackground } from "../platform/daemonize.ts";
import { Syslog } from "../platform/syslog.ts";

/** What decides where messages go and which. */
export interface LogSettings {
  /** Everything to stderr. */
  readonly isToStderr: boolean;
  /** How lines on stderr look; the system log has its own form. */
  readonly logFormat: "text" | "json";
  readonly verbose: number;
  /** Debug facilities; any of them lets debug messages through. */
  readonly debug: readonly string[];
}

/** The least important level that is logged. */
export function logThreshold(
  { isToStderr, verbose, debug }: Omit<LogSettings, "logFormat">,
): LogLevel {
  return isToStderr || debug.length > 0 ? "debug" : thresholdOf(verbose);
}

/** Opens the log of a program. */
export function openLog(programName: string, settings: LogSettings): AdjustableLog {
  return makeLog(logThreshold(settings), [sink(programName, settings)]);
}

/** Whether what is logged is seen on stderr, so that nothing has to be said there besides. */
export function isLoggedToStderr(isToStderr: boolean): boolean {
  // In the background stderr goes to /dev/null; the journal has the system log's socket as well.
  return isToStderr || (!isInBackground() && isJournal(Deno.env.get("JOURNAL_STREAM")));
}

function sink(programName: string, { isToStderr, logFormat }: LogSettings): LogSink {
  if (!isLoggedToStderr(isToStderr)) return new Syslog(programName);
  const format = logFormat === "json" ? "json" : isToStderr ? "plain" : "journal";
  return stderrSink(format, programName);
}
