/**
 * fsync(2) and fdatasync(2), also where a filter of system calls refuses one (seccomp(2)). A refusal is no
 * failure of the disk: what was written is as durable as this process can make it, and refusing to go on
 * would lose it at once. The daemons say so once, see {@link refusedSyncs}.
 */

import { lastErrno, lastSystemError, libc } from "./libc.ts";

type SyncCall = "fsync" | "fdatasync";

const EBADF = 9;
const NO_FILE = -1;

const refused = new Map<SyncCall, boolean>();

/** Whether a call is answered for a file that nobody has, by another error than the kernel's. */
export function isSyncRefused(call: SyncCall): boolean {
  let is = refused.get(call);
  if (is === undefined) {
    is = libc()[call](NO_FILE) < 0 && lastErrno() !== EBADF;
    refused.set(call, is);
  }
  return is;
}

/**
 * Returns when a file that is open is on disk, by the other call where this one is refused.
 *
 * @throws {Error} When the disk does not take it.
 */
export function syncBy(call: SyncCall, fd: number): void {
  const used = isSyncRefused(call) ? call === "fsync" ? "fdatasync" : "fsync" : call;
  if (libc()[used](fd) >= 0) return;
  const error = lastSystemError();
  if (!isSyncRefused(used)) throw error;
}

/** What is refused, what comes of it, and what to do; undefined where nothing is. */
export function refusedSyncs(): string | undefined {
  const calls = (["fsync", "fdatasync"] as const).filter(isSyncRefused);
  if (calls.length === 0) return undefined;
  return `A filter of system calls refuses ${
    calls.join(" and ")
  }, so a power cut may take the last ` +
    "changes: allow it there (seccomp, SystemCallFilter=)";
}
