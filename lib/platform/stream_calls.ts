/**
 * System calls on TCP sockets of our own, none of which waits: for connections from a given address and
 * port, which Deno.connect does not offer. What cannot be done yet is to be tried again.
 *
 * Nothing here runs on another thread: nobody has to be woken for the process to end, and the capability
 * for reserved ports, which is the main thread's, holds.
 *
 * Source: socket(7), tcp(7), connect(2); struct sockaddr as in sockaddr(3type).
 */

import { closeDescriptor } from "./descriptors.ts";
import { checked, libc, LibcError, numericAddress } from "./libc.ts";

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

const SOL_SOCKET = 1;
/** Names and values of the options of each socket. */
const OPTIONS = {
  /** Lets connections share a port; a listener's port stays taken. */
  SO_REUSEADDR: [2, new Int32Array([1])],
  /**
   * SO_LINGER of 0: close resets the connection, so that its pair of ports can be used again at once. With
   * TIME_WAIT, a fixed port would do for one call a minute. By then the answer has come, or is not awaited.
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
 * The struct sockaddr of an endpoint.
 *
 * @throws {TypeError} When the address is not numeric, or its scope is no interface.
 */
function socketAddress({ address, port }: Endpoint): Uint8Array<ArrayBuffer> {
  const bytes = numericAddress(address);
  if (bytes === undefined) throw new TypeError(`"${address}" is no address here`);
  bytes[2] = port >> 8;
  bytes[3] = port;
  return bytes;
}

/**
 * Opens a socket bound to an address and a port, 0 for any.
 *
 * @throws {LibcError} EADDRINUSE, EACCES: another port may do. EADDRNOTAVAIL: the address is not ours.
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
 * Begins to connect, or looks how far that is; whether the connection is there.
 *
 * @throws {LibcError} EADDRNOTAVAIL when the port is already connected to that destination; any other
 * error is final.
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

/** Takes what has arrived: the number of bytes, 0 at the end; undefined when nothing has. */
function receive(fd: number, into: Uint8Array<ArrayBuffer>): number | undefined {
  return unlessEarly(() => checked("recv", libc().recv(fd, into, BigInt(into.length), 0)));
}

/** Sends what there is room for: the number of bytes; undefined when there is none. */
function send(fd: number, data: Uint8Array<ArrayBuffer>): number | undefined {
  return unlessEarly(() =>
    checked("send", libc().send(fd, data, BigInt(data.length), MSG_NOSIGNAL))
  );
}

/** The calls. */
export const streamCalls = { socketAddress, open, connect, receive, send, close: closeDescriptor };

/** Errors that say "not yet". */
const EARLY = ["EAGAIN", "EINPROGRESS", "EALREADY", "EINTR"];

function unlessEarly(call: () => number | bigint): number | undefined {
  try {
    return Number(call());
  } catch (error) {
    if (error instanceof LibcError && EARLY.includes(error.code)) return undefined;
    throw error;
  }
}
