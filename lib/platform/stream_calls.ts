/**
 * Non-blocking system calls on TCP sockets of our own, for connections from a given address and
 * port, which Deno.connect does not offer. Callers retry.
 *
 * Everything runs on the main thread: no thread has to be woken to end the process, and the
 * capability for reserved ports is the main thread's.
 *
 * Source: socket(7), tcp(7), connect(2); struct sockaddr as in sockaddr(3type).
 */

import { MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from "./c_numbers.ts";
import { closeDescriptor } from "./descriptors.ts";
import { checked, libc, LibcError, numericAddress } from "./libc.ts";

/** Numbers and values of the options of each socket. */
const OPTIONS = {
  /** Lets connections share a port; a listener's port stays taken. */
  SO_REUSEADDR: [2, new Int32Array([1])],
  /**
   * SO_LINGER of 0: close() resets the connection, so that its port pair is free at once. With
   * TIME_WAIT, a fixed port would allow one call a minute. Any reply has been read by then.
   */
  SO_LINGER: [13, new Int32Array([1, 0])],
} as const;

/** Address and port of one end of a socket. */
interface Endpoint {
  /** Numeric; a link-local one with its scope. */
  readonly address: string;
  readonly port: number;
}

/**
 * Encodes an endpoint as struct sockaddr.
 *
 * @throws {TypeError} When the address is not numeric, or its scope is no interface.
 */
function socketAddress({ address, port }: Endpoint): Uint8Array<ArrayBuffer> {
  const bytes = numericAddress(address);
  if (bytes === undefined) throw new TypeError(`"${address}" is not an address of this host`);
  bytes[2] = port >> 8;
  bytes[3] = port;
  return bytes;
}

/**
 * Opens a socket bound to an address and a port; 0: ephemeral.
 *
 * @throws {LibcError} EADDRINUSE, EACCES: another port may do. EADDRNOTAVAIL: the address is not
 * ours.
 */
function open(local: Endpoint): number {
  const address = socketAddress(local);
  const fd = checked(
    "socket",
    libc().socket(address[0]!, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
  );
  try {
    for (const [option, [number, value]] of Object.entries(OPTIONS)) {
      const rc = libc().setsockopt(fd, SOL_SOCKET, number, value, value.byteLength);
      checked(`setsockopt(${option})`, rc);
    }
    checked("bind", libc().bind(fd, address, address.length));
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/**
 * Starts to connect, or polls the progress; returns whether the connection is established.
 *
 * @throws {LibcError} EADDRNOTAVAIL when the port is already connected to that destination; any
 * other error is final.
 */
function connect(fd: number, to: Uint8Array<ArrayBuffer>): boolean {
  try {
    const call = () => checked("connect", libc().connect(fd, to, to.length));
    return unlessEarly(call) !== undefined;
  } catch (error) {
    if (error instanceof LibcError && error.code === "EISCONN") return true;
    throw error;
  }
}

/** Reads available bytes; 0 at the end, undefined if none are available. */
function receive(fd: number, into: Uint8Array<ArrayBuffer>): number | undefined {
  return unlessEarly(() => checked("recv", libc().recv(fd, into, BigInt(into.length), 0)));
}

/** Writes as much as fits; returns the number of bytes, undefined if nothing fits. */
function send(fd: number, data: Uint8Array<ArrayBuffer>): number | undefined {
  return unlessEarly(() =>
    checked("send", libc().send(fd, data, BigInt(data.length), MSG_NOSIGNAL))
  );
}

export const streamCalls = { socketAddress, open, connect, receive, send, close: closeDescriptor };

/** Errors that mean "not yet". */
const EARLY = ["EAGAIN", "EINPROGRESS", "EALREADY", "EINTR"];

function unlessEarly(call: () => number | bigint): number | undefined {
  try {
    return Number(call());
  } catch (error) {
    if (error instanceof LibcError && EARLY.includes(error.code)) return undefined;
    throw error;
  }
}
