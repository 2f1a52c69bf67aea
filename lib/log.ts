/**
 * The log: levels, sinks and line formats. Everything but commands/ imports only types from here; this is
 * the one file that knows @std/log.
 */

import { BaseHandler } from "@std/log/base-handler";
import { type LevelName, LogLevels } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";

/**
 * Log as a part of the program sees it. A message is one line without a line end; received text has gone
 * through `quote` before.
 */
export interface Log {
  error(message: string): void;
  warning(message: string): void;
  notice(message: string): void;
  info(message: string): void;
  /** The text is only made when somebody wants it. */
  debug(message: () => string): void;
}

/** Level of a message, most important first. */
export type LogLevel = "error" | "warning" | "notice" | "info" | "debug";

/** A place that messages go to. */
export interface LogSink {
  /** Takes a message of one line. It neither throws nor waits. */
  write(level: LogLevel, message: string): void;
}

/** A log that somebody can turn up and down. */
export interface AdjustableLog extends Log {
  /** The least important level that is not dropped. */
  threshold: LogLevel;
}

/** Our levels by @std/log's names, which are five too, in this order. */
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

  log(): void {} // what handle() of the base class would call
}

/** What the runtime puts behind the system's words. */
const ERROR_NUMBERS = / \(os error \d+\)/g;

/** Lines of a stack trace joined by bars, without error numbers; any further control character becomes a question mark. */
function oneLine(message: string): string {
  const words = message.replace(ERROR_NUMBERS, "").trimEnd();
  // deno-lint-ignore no-control-regex
  return words.replace(/\s*\n\s*/g, " | ").replace(/[\0-\x1f\x7f]/g, "?");
}

/** A log that writes to every sink. */
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

/** The threshold for a verbosity as macOS counts it: 0 warning, 1 notice, 2 info, 3 and above debug. */
export function thresholdOf(verbosity: number): LogLevel {
  return (["warning", "notice", "info"] as const)[verbosity] ?? "debug";
}

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

/** How a line looks on stderr. */
export type LineFormat =
  /** `rpc.statd: message` */
  | "plain"
  /** `2025-11-21T05:15:00.000Z rpc.statd: message`, for a file, where nobody adds the time. */
  | "timed"
  /** `<4>message`: systemd takes the level off. Source: sd-daemon(3). */
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

/** A message as a line with its line end. */
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

/** Bytes that a pipe takes at once when it takes any (PIPE_BUF). */
const PIECE_BYTES = 4096;

/**
 * Standard error as a place for messages. `mayWrite` says whether it takes {@link PIECE_BYTES} now, perhaps
 * after a short wait; where nobody reads it messages are lost, and the next one that gets through tells
 * how many were.
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
      return false; // closed, or a pipe that nobody reads: there is no other place to say so
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
 * Whether standard error goes to the journal, where `journalStream` is the variable JOURNAL_STREAM: the
 * device and inode numbers of the socket that systemd made, so that a redirection can be told.
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
