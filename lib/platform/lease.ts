/**
 * Lease on a file: a process that opens it blocks in open(2) until the holder releases the lease or
 * exits, or the kernel breaks it (/proc/sys/fs/lease-break-time, 45 s).
 *
 * Source: fcntl(2), section "Leases".
 */

import { libc } from "./libc.ts";
import { blockSigio, releaseSigio } from "./signals.ts";
import { canStartThread } from "./threads.ts";

const F_SETLEASE = 1024;
const F_GETLEASE = 1025;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** Signal to the holder when another process opens the file; also that of an arriving datagram. */
const BREAK_SIGNAL = "SIGIO";
/** First pause before the lease is taken again, in ms: most readers are done by then. */
const RETAKE_MIN_MS = 10;
/** Longest pause between attempts, in ms: a process may keep the file open for long. */
const RETAKE_MAX_MS = 1_000;

export class Lease {
  readonly #fd: number;
  /** False while it is released. */
  #isHeld = false;

  /** `fd` has to be the only descriptor of an open file. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Takes the lease, which needs root or the file's owner; false on failure. From then on a process that
   * opens the file blocks, and the signal stays pending until {@link onBreak}.
   */
  take(): boolean {
    blockSigio(); // its default action ends the process
    const isTaken = this.#set();
    if (!isTaken) releaseSigio();
    return isTaken;
  }

  /** Releases the lease, so that the blocked process proceeds, and takes it again later. */
  give(): void {
    libc().fcntl(this.#fd, F_SETLEASE, F_UNLCK);
    this.#isHeld = false;
    this.#retakeAfter(RETAKE_MIN_MS);
  }

  #set(): boolean {
    this.#isHeld = libc().fcntl(this.#fd, F_SETLEASE, F_WRLCK) === 0;
    return this.#isHeld;
  }

  /** Whether another process blocks on the file: the kernel then returns the type the lease is to become. */
  #isBroken(): boolean {
    const lease = libc().fcntl(this.#fd, F_GETLEASE, 0);
    return lease >= 0 && lease !== F_WRLCK;
  }

  #retakeAfter(ms: number): void {
    const retake = () => {
      if (!this.#set()) this.#retakeAfter(Math.min(2 * ms, RETAKE_MAX_MS)); // still open
    };
    Deno.unrefTimer(setTimeout(retake, ms));
  }

  /**
   * Calls `broken` when another process blocks on the file. The lease is released if no thread for
   * the listener can be started.
   */
  onBreak(broken: () => void, until: AbortSignal): void {
    if (until.aborted) return;
    if (!canStartThread()) {
      libc().fcntl(this.#fd, F_SETLEASE, F_UNLCK);
      return;
    }
    const listener = () => {
      if (this.#isHeld && this.#isBroken()) broken();
    };
    Deno.addSignalListener(BREAK_SIGNAL, listener);
    releaseSigio();
    until.addEventListener("abort", () => Deno.removeSignalListener(BREAK_SIGNAL, listener));
  }
}
