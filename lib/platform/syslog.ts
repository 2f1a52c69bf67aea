/**
 * System log client: datagrams to /dev/log in syslog(3)'s format:
 *
 *     <30>Nov 21 05:15:00 rpc.statd[1234]: message
 *
 * The number is facility daemon (3) times 8, plus the severity. syslog(3) itself is not used, as it
 * blocks forever when the log daemon does not read.
 *
 * Source: RFC 3164 section 4.1; behaviour of glibc.
 */

import type { LogLevel, LogSink } from "../log.ts";
import { closeDescriptor, connectUnixDatagram, sendDatagram } from "./descriptors.ts";
import { LibcError } from "./libc.ts";

const FACILITY_DAEMON = 3 << 3;

/**
 * Severities. Debug messages are sent as info, as by nfs-utils: log daemons drop severity debug by
 * default.
 */
const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 6,
};

/** Longest line, which log daemons accept; RFC 3164 requires 1024. */
const LINE_MAX_BYTES = 2048;

/**
 * Longest wait for room in the queue, in ms; it has 10 places by default. A live log daemon has
 * read a line by then. After a lost line there is no wait until one gets through.
 */
const SEND_LIMIT_MS = 100;

const PATH = "/dev/log";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Formats a line for the log daemon; `now` in local time. */
export function syslogLine(
  level: LogLevel,
  programName: string,
  pid: number,
  now: Date,
  message: string,
): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  const date = `${MONTHS[now.getMonth()]} ${String(now.getDate()).padStart(2)}`;
  const priority = FACILITY_DAEMON | SEVERITIES[level];
  return `<${priority}>${date} ${time} ${programName}[${pid}]: ${message}`;
}

/** Whether a log daemon listens. */
export function hasSyslog(path = PATH): boolean {
  try {
    closeDescriptor(connectUnixDatagram(path, SEND_LIMIT_MS));
    return true;
  } catch {
    return false;
  }
}

/**
 * Connection to the log daemon. Never throws, and hardly waits: messages without room or log daemon
 * are lost, and the next one reports their number.
 */
export class Syslog implements LogSink {
  #fd: number | undefined;
  #lost = 0;

  constructor(readonly programName: string, readonly path = PATH) {}

  write(level: LogLevel, message: string): void {
    const note = this.#lost === 0 ? "" : ` (messages lost before this one: ${this.#lost})`;
    this.#lost = this.#send(level, message + note) ? 0 : this.#lost + 1;
  }

  close(): void {
    if (this.#fd !== undefined) closeDescriptor(this.#fd);
    this.#fd = undefined;
  }

  #send(level: LogLevel, message: string): boolean {
    const line = syslogLine(level, this.programName, Deno.pid, new Date(), message);
    const bytes = new TextEncoder().encode(line).slice(0, LINE_MAX_BYTES);
    for (const isLastTry of [false, true]) {
      try {
        this.#fd ??= connectUnixDatagram(this.path, SEND_LIMIT_MS);
        sendDatagram(this.#fd, bytes, this.#lost === 0);
        return true;
      } catch (error) {
        const hasNoRoom = error instanceof LibcError && error.code === "EAGAIN";
        if (!hasNoRoom) this.close(); // the log daemon is gone, and may be back at its path
        if (hasNoRoom || isLastTry) return false;
      }
    }
    return false;
  }
}
