/**
 * Process search after Deno's permissions were given up: libc still reads /proc.
 *
 * Source: proc(5), `status`; its mount option `hidepid`.
 */

import { closeDescriptor } from "./descriptors.ts";
import { cString, libc } from "./libc.ts";

/** Bytes read of the status, enough for the lines up to `Uid:`. */
const STATUS_BYTES = 1_024;
const INIT = "1";

/**
 * Whether another process of root with this name may be running: /proc shows it, or hides root's
 * processes.
 */
export function mayRunAsRoot(name: string): boolean {
  for (const { name: entry } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry) || Number(entry) === Deno.pid) continue;
    const status = statusOf(entry);
    if (status?.uid === "0" && status.name === name) return true;
  }
  return statusOf(INIT) === undefined;
}

/** Name and effective user of a process; undefined if they are hidden from us or it has ended. */
function statusOf(pid: string): { name: string | undefined; uid: string | undefined } | undefined {
  const fd = libc().open(cString(`/proc/${pid}/status`), 0, 0);
  if (fd < 0) return undefined;
  try {
    const bytes = new Uint8Array(STATUS_BYTES);
    const length = libc().read(fd, bytes, BigInt(bytes.length));
    if (length < 0) return undefined;
    const text = new TextDecoder().decode(bytes.subarray(0, length));
    const field = (pattern: RegExp) => pattern.exec(text)?.[1];
    return { name: field(/^Name:\t(.*)$/m), uid: field(/^Uid:\t\d+\t(\d+)/m) };
  } finally {
    closeDescriptor(fd);
  }
}
