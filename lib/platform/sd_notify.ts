/**
 * Service manager notifications, one datagram per message.
 *
 * Source: sd_notify(3), sd_booted(3), systemd.service(5) on Type=notify and Type=notify-reload.
 */

import { exists } from "./small_files.ts";
import { checked, libc } from "./libc.ts";
import { closeDescriptor, connectUnixDatagram, sendDatagram } from "./descriptors.ts";

const CLOCK_MONOTONIC = 1;

/** Whether systemd is the service manager of this host. */
export function isSystemdBooted(): boolean {
  return exists("/run/systemd/system");
}

/** Longest wait for room in the service manager's queue, in ms; the queue is long. */
const SEND_LIMIT_MS = 5000;

/** CLOCK_MONOTONIC in microseconds, for MONOTONIC_USEC. */
function monotonicMicroseconds(): bigint {
  const time = new BigInt64Array(2); // seconds, nanoseconds
  checked("clock_gettime", libc().clock_gettime(CLOCK_MONOTONIC, time));
  return time[0]! * 1_000_000n + time[1]! / 1000n;
}

/** Service manager that started us, if it wants notifications. */
export class ServiceManager {
  /** `address`: NOTIFY_SOCKET, a path or the abstract address `@name`. */
  constructor(readonly address: string | undefined) {}

  /** Reports readiness; also after a reload. */
  ready(status: string): void {
    this.#tell("READY=1", statusLine(status));
  }

  /** Sets the status line of `systemctl status`. */
  status(text: string): void {
    this.#tell(statusLine(text));
  }

  /** Reports that settings are being reloaded. */
  reloading(): void {
    if (this.address === undefined) return;
    this.#tell("RELOADING=1", `MONOTONIC_USEC=${monotonicMicroseconds()}`);
  }

  /** Reports that we are stopping. */
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
      // No reader: a service manager that waits for the message reports its own timeout.
    }
  }
}

function statusLine(text: string): string {
  return `STATUS=${text.replaceAll("\n", " ")}`;
}
