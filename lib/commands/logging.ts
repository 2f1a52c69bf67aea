/**
 * Where the programs log: the system log, or standard error where that is asked for, where the journal is
 * behind it, where the starter logs there, and in the foreground where there is no system log.
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
 * How long a message may wait for a reader of standard error, in ms; once one is lost, there is no waiting
 * until another gets through.
 */
const WRITE_LIMIT_MS = 100;

/** Log, and the variables by which a program that is started logs to it. */
export interface OpenLog extends AdjustableLog {
  /** Variables for its environment. */
  readonly forChildren: Readonly<Record<string, string>>;
  /** Whether what is logged is seen on stderr, so that nothing has to be said there besides. */
  readonly isOnStderr: boolean;
}

/** Opens a program's log; one that stays in the foreground needs no system log. */
export interface PlaceSettings extends LogSettings {
  readonly foreground?: boolean;
}

/** Opens the log of a program. */
export function openLog(programName: string, settings: PlaceSettings): OpenLog {
  const { threshold, format } = placeOf(settings);
  const sink = format === undefined ? new Syslog(programName) : stderrSink(
    format,
    programName,
    (mayWait) => isWritable(STDERR, mayWait ? WRITE_LIMIT_MS : 0),
  );
  const log = makeLog(threshold, [sink]);
  tellFatalErrorsTo(log, format !== undefined);
  // The journal takes the system log's socket as well.
  const isInherited = format !== undefined && format !== "journal";
  const forChildren = isInherited ? { [LOG_VARIABLE]: `${threshold}:${format}` } : {};
  return Object.defineProperties(log, {
    forChildren: { value: forChildren },
    isOnStderr: { value: format !== undefined },
  }) as OpenLog;
}

/** Whether what is logged is seen on stderr, so that nothing has to be said there besides. */
export function isLoggedToStderr(isToStderr: boolean): boolean {
  return placeOf({ isToStderr, logFormat: "text", verbose: 0, debug: [] }).format !== undefined;
}

/** The least important level, and the form of lines on standard error; undefined for the system log. */
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

/** True if standard error is a regular file; any reader of a pipe adds the time, or is a person. */
function isFile(): boolean {
  try {
    return Deno.statSync(`/proc/self/fd/${STDERR}`).isFile;
  } catch {
    return false;
  }
}
