/**
 * Telling the service manager how far we are, by one datagram for each message.
 *
 * Source: sd_notify(3), systemd.service(5) on Type=notify and Type=notify-reload.
 */

import { checked, libc } from "./libc.ts";
import { closeDescriptor, connectUnixDatagram, sendDatagram } from "./descriptors.ts";

const CLOCK_MONOTONIC = 1;

/** Limit on waiting for room in the service manager's queue, in ms; the queue is long. */
const SEND_LIMIT_MS = 5000;

/** CLOCK_MONOTONIC in microseconds, for MONOTONIC_USEC. */
function monotonicMicroseconds(): bigint {
  const time = new BigInt64Array(2); // seconds, nanoseconds
  checked("clock_gettime", libc().clock_gettime(CLOCK_MONOTONIC, time));
  return time[0]! * 1_000_000n + time[1]! / 1000n;
}

/** The service manager that started us, if there is one that wants to know. */
export class ServiceManager {
  /** `address` is the variable NOTIFY_SOCKET: a path, or `@name` for an abstract address. */
  constructor(readonly address: string | undefined) {}

  /** We serve. To be sent again when a reload is over. */
  ready(status: string): void {
    this.#tell("READY=1", statusLine(status));
  }

  /** A line for `systemctl status`. */
  status(text: string): void {
    this.#tell(statusLine(text));
  }

  /** Settings are being read again. */
  reloading(): void {
    if (this.address === undefined) return;
    this.#tell("RELOADING=1", `MONOTONIC_USEC=${monotonicMicroseconds()}`);
  }

  /** We are about to end. */
  stopping(): void {
    this.#tell("STOPPING=1");
  }

  #tell(...lines: string[]): void {
    if (this.address === undefined) return;
    try {
      const fd = connectUnixDatagram(this.address, SEND_LIMIT_MS);
      try {
        sendDatagram(fd, new TextEncoder().encode(lines.join("\n")), true);
      } finally {
        closeDescriptor(fd);
      }
    } catch {
      // Nobody reads: a service manager that waits for the message reports its own time-out.
    }
  }
}

function statusLine(text: string): string {
  return `STATUS=${text.replaceAll("\n", " ")}`;
}
