/** State of a network interface. Source: netdevice(7). */

import { AF_INET, SOCK_DGRAM } from "./c_numbers.ts";
import { cString, libc } from "./libc.ts";
import { openLibrary } from "./library.ts";

const SIOCGIFFLAGS = 0x8913n;
/** struct ifreq: the name, and flags behind it. */
const IFREQ_BYTES = 40;
const FLAGS_AT = 16;
const IFF_UP = 1;

/** Separate table, as in `signals.ts`. */
const SYMBOLS = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Whether an interface is up; undefined if there is none of that name, or it cannot be asked. */
export function isInterfaceUp(name: string): boolean | undefined {
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(cString(name).subarray(0, FLAGS_AT - 1));
  const library = openLibrary("libc.so.6", SYMBOLS);
  const fd = libc().socket(AF_INET, SOCK_DGRAM, 0);
  try {
    if (library.symbols.ioctl(fd, SIOCGIFFLAGS, request) !== 0) return undefined;
    return (new DataView(request.buffer).getInt16(FLAGS_AT, true) & IFF_UP) !== 0;
  } finally {
    libc().close(fd);
    library.close();
  }
}
