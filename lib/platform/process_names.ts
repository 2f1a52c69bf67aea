/**
 * Process search after Deno's permissions were given up: libc still reads /proc.
 *
 * Source: proc(5), `comm`.
 */

import { closeDescriptor } from "./descriptors.ts";
import { cString, libc } from "./libc.ts";

const NAME_MAX_BYTES = 64;

/** Whether another process of this name runs, as far as /proc shows. */
export function isProcessNamed(name: string): boolean {
  for (const { name: entry } of Deno.readDirSync("/proc")) {
    if (/^\d+$/.test(entry) && Number(entry) !== Deno.pid && nameOf(entry) === name) return true;
  }
  return false;
}

function nameOf(pid: string): string | undefined {
  const fd = libc().open(cString(`/proc/${pid}/comm`), 0, 0);
  if (fd < 0) return undefined; // has ended
  try {
    const bytes = new Uint8Array(NAME_MAX_BYTES);
    const length = libc().read(fd, bytes, BigInt(bytes.length));
    return length < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, length)).trim();
  } finally {
    closeDescriptor(fd);
  }
}
