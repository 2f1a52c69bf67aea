/** Where the programs log: the system log, or stderr when asked, or the journal behind it. */

import {
  type AdjustableLog,
  isJournal,
  type LogSettings,
  type LogSink,
  logThreshold,
  makeLog,
  stderrSink,
} from "../log.ts";
import { isInBackground } from "../platform/daemonize.ts";
import { tellFatalErrorsTo } from "../platform/fatal.ts";
import { Syslog } from "../platform/syslog.ts";

/** Opens the log of a program. */
export function openLog(programName: string, settings: LogSettings): AdjustableLog {
  const log = makeLog(logThreshold(settings), [sink(programName, settings)]);
  tellFatalErrorsTo(log, isLoggedToStderr(settings.isToStderr));
  return log;
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
