/**
 * Log destination of the programs: the system log; or standard error if requested, if it leads to
 * the journal, if the starter logs there, or in the foreground without a system log.
 */

import {
  type AdjustableLog,
  isJournal,
  type LineFormat,
  type LogLevel,
  type LogSettings,
  logThreshold,
  makeLog,
  stderrSink,
} from "../log.ts";
import { isInBackground, LOG_VARIABLE, logOfStarter } from "../platform/daemonize.ts";
import { isWritable, STDERR } from "../platform/descriptors.ts";
import { tellFatalErrorsTo } from "../platform/fatal.ts";
import { hasSyslog, Syslog } from "../platform/syslog.ts";

/**
 * Longest wait for a reader of standard error, in ms; after a lost message there is no wait until
 * one gets through.
 */
const WRITE_LIMIT_MS = 100;

/** Log, with the variables that make a started program log to it. */
export interface OpenLog extends AdjustableLog {
  /** Environment variables for children. */
  readonly forChildren: Readonly<Record<string, string>>;
  /** Whether the log goes to stderr, so that errors need not be printed there too. */
  readonly isOnStderr: boolean;
}

/** Settings of the log; a foreground program needs no system log. */
export interface PlaceSettings extends LogSettings {
  readonly foreground?: boolean;
}

export function openLog(programName: string, settings: PlaceSettings): OpenLog {
  const { threshold, format } = placeOf(settings);
  const sink = format === undefined ? new Syslog(programName) : stderrSink(
    format,
    programName,
    (mayWait) => isWritable(STDERR, mayWait ? WRITE_LIMIT_MS : 0),
  );
  const log = makeLog(threshold, [sink]);
  tellFatalErrorsTo(log, format !== undefined);
  // The journal also receives from the system log's socket.
  const isInherited = format !== undefined && format !== "journal";
  const forChildren = isInherited ? { [LOG_VARIABLE]: `${threshold}:${format}` } : {};
  return Object.defineProperties(log, {
    forChildren: { value: forChildren },
    isOnStderr: { value: format !== undefined },
  }) as OpenLog;
}

/** Threshold, and the line format on standard error; undefined: system log. */
function placeOf(settings: PlaceSettings): { threshold: LogLevel; format: LineFormat | undefined } {
  const threshold = logThreshold(settings);
  const inherited = /^([a-z]+):([a-z]+)$/.exec(logOfStarter() ?? "");
  if (inherited !== null) {
    return { threshold: inherited[1] as LogLevel, format: inherited[2] as LineFormat };
  }
  const text = settings.logFormat === "json" ? "json" : isFile() ? "timed" : "plain";
  if (settings.isToStderr) return { threshold, format: text };
  if (isInBackground()) return { threshold, format: undefined }; // standard error is /dev/null
  if (isJournal(Deno.env.get("JOURNAL_STREAM"))) {
    return { threshold, format: settings.logFormat === "json" ? "json" : "journal" };
  }
  return { threshold, format: settings.foreground && !hasSyslog() ? text : undefined };
}

/** Whether standard error is a regular file; readers of a pipe add the time themselves. */
function isFile(): boolean {
  try {
    return Deno.statSync(`/proc/self/fd/${STDERR}`).isFile;
  } catch {
    return false;
  }
}
