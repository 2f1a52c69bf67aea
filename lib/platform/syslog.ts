/**
 * The system log, by datagrams to /dev/log in the form that syslog(3) gives them:
 *
 *     <30>Nov 21 05:15:00 rpc.statd[1234]: message
 *
 * where the number is facility daemon (3) times 8, plus the severity. syslog(3) itself is not used as it
 * waits for ever while the log daemon does not read.
 *
 * Source: RFC 3164 section 4.1; behaviour of glibc.
 */

import type { LogLevel, LogSink } from "../log.ts";
import { closeDescriptor, connectUnixDatagram, sendDatagram } from "./descriptors.ts";
import { LibcError } from "./libc.ts";

const FACILITY_DAEMON = 3 << 3;

/** Debug messages go out as info, as nfs-utils' do: log daemons drop severity debug by default. */
const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 6,
};

/** Log daemons take lines up to this size without question; RFC 3164 asks for 1024. */
const LINE_MAX_BYTES = 2048;

/**
 * Wait for room in the queue, in ms; it has 10 places by default. A log daemon that is alive has taken a
 * line by then. After a lost line there is no wait until one gets through.
 */
const SEND_LIMIT_MS = 100;

const PATH = "/dev/log";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** A line as the log daemon expects it; `now` in local time. */
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

/** True if a log daemon has its socket. */
export function hasSyslog(path = PATH): boolean {
  try {
    closeDescriptor(connectUnixDatagram(path, SEND_LIMIT_MS));
    return true;
  } catch {
    return false;
  }
}

/**
 * A connection to the log daemon. It never throws and hardly waits: a message for which there is no room,
 * or no log daemon, is lost, and the next one that gets through tells how many were.
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
        if (!hasNoRoom) this.close(); // the log daemon is gone, and may be back under the same path
        if (hasNoRoom || isLastTry) return false;
      }
    }
    return false;
  }
}
