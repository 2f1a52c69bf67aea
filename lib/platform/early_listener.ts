/**
 * TCP sockets that listen at an address which this host may not have yet, so that nobody else opens one
 * there meanwhile: IP_FREEBIND is for every user.
 *
 * Source: ip(7), listen(2).
 */

import { closeDescriptor, setSocketOption } from "./descriptors.ts";
import { checked, libc } from "./libc.ts";

const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** Connections that wait to be accepted, in number, as the runtime has it. */
const BACKLOG = 128;

/** A table of its own: all of `libc.ts` is for every program, and this for one. */
const SYMBOLS = {
  listen: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Opens a socket that listens at a struct sockaddr.
 *
 * @throws {LibcError} EADDRINUSE when another one has the port there, EACCES when it is not for us.
 */
export function listenEarly(name: Uint8Array<ArrayBuffer>): number {
  const isIpv6 = name[0] === AF_INET6;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = checked("socket", libc().socket(name[0]!, type, 0));
  try {
    if (isIpv6) setSocketOption(fd, "IPV6_V6ONLY", 1);
    setSocketOption(fd, isIpv6 ? "IPV6_FREEBIND" : "IP_FREEBIND", 1);
    setSocketOption(fd, "SO_REUSEADDR", 1); // connections of before may be in TIME_WAIT
    checked("bind", libc().bind(fd, name, name.length));
    const library = Deno.dlopen("libc.so.6", SYMBOLS);
    checked("listen", library.symbols.listen(fd, BACKLOG));
    library.close();
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}
