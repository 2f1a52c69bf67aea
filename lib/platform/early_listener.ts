/**
 * TCP listeners at addresses that this host may not have yet, so that no other process takes the
 * port there first. IP_FREEBIND needs no privilege.
 *
 * Source: ip(7), listen(2).
 */

import { AF_INET6, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from "./c_numbers.ts";
import { closeDescriptor, setSocketOption } from "./descriptors.ts";
import { checked, libc } from "./libc.ts";
import { openLibrary } from "./library.ts";

/** Backlog of listen(2) in connections, as in the runtime. */
const BACKLOG = 128;

/** Kept out of `libc.ts`, whose symbols every program loads; only one program listens. */
const SYMBOLS = {
  listen: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Opens a listening socket at a struct sockaddr.
 *
 * @throws {LibcError} EADDRINUSE when another socket has the port, EACCES without the right to the
 * port.
 */
export function listenEarly(name: Uint8Array<ArrayBuffer>): number {
  const isIpv6 = name[0] === AF_INET6;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = checked("socket", libc().socket(name[0]!, type, 0));
  try {
    if (isIpv6) setSocketOption(fd, "IPV6_V6ONLY", 1);
    setSocketOption(fd, isIpv6 ? "IPV6_FREEBIND" : "IP_FREEBIND", 1);
    setSocketOption(fd, "SO_REUSEADDR", 1); // old connections may be in TIME_WAIT
    checked("bind", libc().bind(fd, name, name.length));
    const library = openLibrary("libc.so.6", SYMBOLS);
    checked("listen", library.symbols.listen(fd, BACKLOG));
    library.close();
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}
