/**
 * Lease on a file: a process that opens it blocks in open(2) until the holder releases the lease or
 * exits, or the kernel breaks it (/proc/sys/fs/lease-break-time, 45 s).
 *
 * Source: fcntl(2), section "Leases".
 */

import { libc } from "./libc.ts";
import { canStartThread } from "./threads.ts";

const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** Signal to the holder when another process opens the file. */
const BREAK_SIGNAL = "SIGIO";
/** First pause before the lease is taken again, in ms: most readers are done by then. */
const RETAKE_MIN_MS = 10;
/** Longest pause between attempts, in ms: a process may keep the file open for long. */
const RETAKE_MAX_MS = 1_000;

export class Lease {
  readonly #fd: number;

  /** `fd` has to be the only descriptor of an open file. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes the lease, which needs root or the file's owner; false on failure. */
  take(): boolean {
    return libc().fcntl(this.#fd, F_SETLEASE, F_WRLCK) === 0;
  }

  /** Releases the lease, so that the blocked process proceeds, and takes it again later. */
  give(): void {
    libc().fcntl(this.#fd, F_SETLEASE, F_UNLCK);
    this.#retakeAfter(RETAKE_MIN_MS);
  }

  #retakeAfter(ms: number): void {
    const retake = () => {
      if (!this.take()) this.#retakeAfter(Math.min(2 * ms, RETAKE_MAX_MS)); // still open
    };
    Deno.unrefTimer(setTimeout(retake, ms));
  }

  /**
   * Calls `broken` when another process blocks on the file. Without the listener the signal would
   * end this process, so the lease is released if no thread for the listener can be started.
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
