/**
 * A lease on a file: another process that opens it waits in open(2), until the holder gives it or ends, or
 * the system's patience does (/proc/sys/fs/lease-break-time, 45 s).
 *
 * Source: fcntl(2), section "Leases".
 */

import { libc } from "./libc.ts";
import { canStartThread } from "./threads.ts";

const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** Tells the holder that somebody waits. */
const BREAK_SIGNAL = "SIGIO";
/** After what time the lease is tried to be had again first, in ms: most readers are done by then. */
const RETAKE_MIN_MS = 10;
/** The longest pause between two attempts, in ms: somebody may have the file open for long. */
const RETAKE_MAX_MS = 1_000;

export class Lease {
  readonly #fd: number;

  /** `fd` has to be the only descriptor of an open file. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes the lease, which needs root or the file's owner; whether that worked. */
  take(): boolean {
    return libc().fcntl(this.#fd, F_SETLEASE, F_WRLCK) === 0;
  }

  /** Lets the process that waits open the file, and takes the lease again later. */
  give(): void {
    libc().fcntl(this.#fd, F_SETLEASE, F_UNLCK);
    this.#retakeAfter(RETAKE_MIN_MS);
  }

  #retakeAfter(ms: number): void {
    const retake = () => {
      if (!this.take()) this.#retakeAfter(Math.min(2 * ms, RETAKE_MAX_MS)); // it is open still
    };
    Deno.unrefTimer(setTimeout(retake, ms));
  }

  /**
   * Calls `broken` when somebody waits. Without it the signal ends the process, so the lease is given up
   * where there can be no thread for the listener.
   */
  onBreak(broken: () => void, until: AbortSignal): void {
    if (until.aborted) return;
    if (!canStartThread()) {
      libc().fcntl(this.#fd, F_SETLEASE, F_UNLCK);
      return;
    }
    Deno.addSignalListener(BREAK_SIGNAL, broken);
    until.addEventListener("abort", () => Deno.removeSignalListener(BREAK_SIGNAL, broken));
  }
}
