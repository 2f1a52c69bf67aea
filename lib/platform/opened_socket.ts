/**
 * Descriptors of sockets that Deno opens and does not tell. A new descriptor gets the lowest free
 * number, so a duplicate of another one, closed at once, tells the number in advance.
 *
 * Source: open(2) on the lowest-numbered descriptor; fcntl(2).
 */

import { boundSocket, closeDescriptor, getSocketOption, STDERR } from "./descriptors.ts";
import { libc } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;

/** Attempts to open a socket before another thread of this process takes its number. */
const ATTEMPTS = 10;

/** Sockets of Deno with an address. */
interface DenoSocket {
  readonly addr: Deno.Addr;
  close(): void;
}

/**
 * Opens a socket by `open`, and finds its descriptor. If a thread took or freed a number meanwhile,
 * the socket is closed and opened again.
 *
 * @throws {Error} That of `open`; or when each attempt was disturbed.
 */
export function withDescriptor<S extends DenoSocket>(
  open: () => S,
): { readonly opened: S; readonly fd: number } {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const fd = lowestFree();
    const opened = open();
    if (isSocketAt(fd, opened.addr)) return { opened, fd };
    opened.close();
  }
  throw new Error("Cannot find the descriptor of a socket: other threads open files all the time");
}

/** Number of the next descriptor; negative if none is free. */
function lowestFree(): number {
  const fd = libc().fcntl(STDERR, F_DUPFD_CLOEXEC, 0);
  closeDescriptor(fd);
  return fd;
}

/** Whether a descriptor is a socket with an address; UNIX sockets only have to be listening. */
function isSocketAt(fd: number, addr: Deno.Addr): boolean {
  if ("port" in addr) {
    const socket = boundSocket(fd);
    return socket?.transport === addr.transport && socket.port === addr.port;
  }
  try {
    return getSocketOption(fd, "SO_ACCEPTCONN") === 1;
  } catch {
    return false; // no socket
  }
}
