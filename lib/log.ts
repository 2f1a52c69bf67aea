/**
 * Log: levels, sinks and line formats. Only commands/ imports values from here, and only this file
 * uses @std/log.
 */

import { CONTROLS, withoutErrorNumbers } from "./quote.ts";
import { BaseHandler } from "@std/log/base-handler";
import { type LevelName, LogLevels } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";

/** Log interface. A message is one line without a line end; external text has to be quoted by `quote`. */
export interface Log {
  error(message: string): void;
  warning(message: string): void;
  notice(message: string): void;
  info(message: string): void;
  /** The message is built only if debug messages are logged. */
  debug(message: () => string): void;
}

/** Level of a message, most important first. */
export type LogLevel = "error" | "warning" | "notice" | "info" | "debug";

/** Destination of messages. */
export interface LogSink {
  /** Writes a one-line message; neither throws nor blocks. */
  write(level: LogLevel, message: string): void;
}

/** Log with an adjustable threshold. */
export interface AdjustableLog extends Log {
  /** Least important level that is logged. */
  threshold: LogLevel;
}

/** Our levels as @std/log's names; both have five, in this order. */
const LEVELS: Readonly<Record<LogLevel, LevelName>> = {
  error: "CRITICAL",
  warning: "ERROR",
  notice: "WARN",
  info: "INFO",
  debug: "DEBUG",
};
const NAMES = Object.keys(LEVELS) as LogLevel[];

class SinkHandler extends BaseHandler {
  readonly #sink: LogSink;

  constructor(sink: LogSink) {
    super("NOTSET");
    this.#sink = sink;
  }

  override handle(record: LogRecord): void {
    const level = NAMES.find((name) => LogLevels[LEVELS[name]] === record.level)!;
    this.#sink.write(level, oneLine(record.msg));
  }

  log(): void {} // called by the base class's handle(), which is overridden
}

/**
 * Joins the lines of a stack trace by bars, removes error numbers, and replaces other control
 * characters by `?`.
 */
function oneLine(message: string): string {
  const words = withoutErrorNumbers(message).trimEnd();
  return words.replace(/\s*\n\s*/g, " | ").replace(CONTROLS, "?");
}

/** Makes a log that writes to every sink. */
export function makeLog(threshold: LogLevel, sinks: readonly LogSink[]): AdjustableLog {
  const handlers = sinks.map((sink) => new SinkHandler(sink));
  const logger = new Logger("nsm", LEVELS[threshold], { handlers });
  return {
    error: (message) => void logger.critical(message),
    warning: (message) => void logger.error(message),
    notice: (message) => void logger.warn(message),
    info: (message) => void logger.info(message),
    debug: (message) => void logger.debug(message),
    get threshold() {
      return NAMES.find((name) => LEVELS[name] === logger.levelName)!;
    },
    set threshold(level) {
      logger.levelName = LEVELS[level];
    },
  };
}

/** Threshold for a verbosity as counted by macOS: 0 warning, 1 notice, 2 info, 3 and above debug. */
export function thresholdOf(verbosity: number): LogLevel {
  return (["warning", "notice", "info"] as const)[verbosity] ?? "debug";
}

/** Settings of destination and threshold. */
export interface LogSettings {
  /** Logs everything to stderr. */
  readonly isToStderr: boolean;
  /** Line format on stderr; the system log has its own. */
  readonly logFormat: "text" | "json";
  readonly verbose: number;
  /** Debug facilities; any of them enables debug messages. */
  readonly debug: readonly string[];
}

/** Least important level that is logged. */
export function logThreshold(
  { isToStderr, verbose, debug }: Omit<LogSettings, "logFormat">,
): LogLevel {
  return isToStderr || debug.length > 0 ? "debug" : thresholdOf(verbose);
}

/** Line format on stderr. */
export type LineFormat =
  /** `rpc.statd: message` */
  | "plain"
  /** `2025-11-21T05:15:00.000Z rpc.statd: message`, for a file, where no reader adds the time. */
  | "timed"
  /** `<4>message`: systemd removes the level. Source: sd-daemon(3). */
  | "journal"
  /** `{"time":"2025-11-21T05:15:00.000Z","level":"warning","program":"rpc.statd","pid":1,"message":""}` */
  | "json";

const JOURNAL_PRIORITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

/** Formats a message as a line with its line end. */
export function formatLine(
  format: LineFormat,
  programName: string,
  level: LogLevel,
  message: string,
): string {
  switch (format) {
    case "plain":
      return `${programName}: ${message}\n`;
    case "timed":
      return `${new Date().toISOString()} ${programName}: ${message}\n`;
    case "journal":
      return `<${JOURNAL_PRIORITIES[level]}>${message}\n`;
    case "json": {
      const time = new Date().toISOString();
      return `${JSON.stringify({ time, level, program: programName, pid: Deno.pid, message })}\n`;
    }
  }
}

/** Bytes that a writable pipe takes at once (PIPE_BUF). */
const PIECE_BYTES = 4096;

/**
 * Sink for standard error. `mayWrite` says whether {@link PIECE_BYTES} can be written now, perhaps
 * after a short wait. Without a reader messages are lost, and the next one reports their number.
 */
export function stderrSink(
  format: LineFormat,
  programName: string,
  mayWrite: (mayWait: boolean) => boolean = () => true,
): LogSink {
  let lost = 0;
  const send = (text: string): boolean => {
    const bytes = new TextEncoder().encode(text);
    try {
      for (let at = 0; at < bytes.length;) {
        if (!mayWrite(lost === 0)) return false;
        at += Deno.stderr.writeSync(bytes.subarray(at, at + PIECE_BYTES));
      }
      return true;
    } catch {
      return false; // closed, or a pipe without a reader: nowhere to report it
    }
  };
  return {
    write(level, message) {
      const note = lost === 0 ? "" : ` (messages lost before this one: ${lost})`;
      lost = send(formatLine(format, programName, level, message + note)) ? 0 : lost + 1;
    },
  };
}

/**
 * Whether standard error is the journal. `journalStream` is the variable JOURNAL_STREAM: device and
 * inode of systemd's socket, which reveal a redirection.
 */
export function isJournal(journalStream: string | undefined): boolean {
  if (journalStream === undefined) return false;
  try {
    const { dev, ino } = Deno.statSync("/proc/self/fd/2");
    return journalStream === `${dev}:${ino}`;
  } catch {
    return false; // no /proc
  }
}
