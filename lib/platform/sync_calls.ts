/**
 * fsync(2) and fdatasync(2), even if a seccomp filter refuses one. A refusal is no disk failure:
 * data are as durable as this process can make them, and giving up would lose them. The daemons
 * report it once, see {@link refusedSyncs}.
 */

import { lastErrno, lastSystemError, libc } from "./libc.ts";

type SyncCall = "fsync" | "fdatasync";

const EBADF = 9;
const NO_FILE = -1;

const refused = new Map<SyncCall, boolean>();

/**
 * Whether a filter refuses a call: on an invalid descriptor it then returns an error other than the
 * kernel's.
 */
export function isSyncRefused(call: SyncCall): boolean {
  let is = refused.get(call);
  if (is === undefined) {
    is = libc()[call](NO_FILE) < 0 && lastErrno() !== EBADF;
    refused.set(call, is);
  }
  return is;
}

/**
 * Syncs an open file, by the other call if this one is refused.
 *
 * @throws {Error} When the disk refuses.
 */
export function syncBy(call: SyncCall, fd: number): void {
  const used = isSyncRefused(call) ? call === "fsync" ? "fdatasync" : "fsync" : call;
  if (libc()[used](fd) >= 0) return;
  const error = lastSystemError();
  if (!isSyncRefused(used)) throw error;
}

/** Warning about refused calls, with consequence and remedy; undefined if there are none. */
export function refusedSyncs(): string | undefined {
  const calls = (["fsync", "fdatasync"] as const).filter(isSyncRefused);
  if (calls.length === 0) return undefined;
  return `A filter of system calls refuses ${
    calls.join(" and ")
  }, so a power cut may take the last ` +
    "changes: allow it there (seccomp, SystemCallFilter=)";
}
