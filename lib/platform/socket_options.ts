/** Socket options that Deno lacks, and names of interfaces. */

import { AF_INET6 } from "./c_numbers.ts";
import { getSocketOption, openNumbers, setSocketOption } from "./descriptors.ts";
import { libc, LibcError } from "./libc.ts";

/**
 * Sets the receive buffer of a UDP socket, unless it is larger already. Without privileges it is
 * limited by `net.core.rmem_max`.
 */
export function setReceiveBuffer(fd: number, bytes: number): void {
  // The kernel doubles the value for its overhead.
  if (getSocketOption(fd, "SO_RCVBUF") >= 2 * bytes) return;
  try {
    setSocketOption(fd, "SO_RCVBUFFORCE", bytes);
  } catch (error) {
    if (!(error instanceof LibcError && error.code === "EPERM")) throw error;
    setSocketOption(fd, "SO_RCVBUF", bytes);
  }
}

/**
 * Sets TCP_USER_TIMEOUT for connections accepted by a listener: the kernel drops a peer that
 * accepts no data for `ms`. Listening sockets pass the option on (tcp(7)).
 */
export function setSendTimeLimit(fd: number, ms: number): void {
  setSocketOption(fd, "TCP_USER_TIMEOUT", ms);
}

/**
 * Lets this user open further sockets on the port of a socket, or makes the port exclusive again.
 * SO_REUSEPORT requires the option on all sockets, and one user; SO_REUSEADDR would admit any user.
 */
export function setPortSharing(fd: number, isShared: boolean): void {
  setSocketOption(fd, "SO_REUSEPORT", isShared ? 1 : 0);
}

/** Longest interface name, in bytes, with its NUL (IF_NAMESIZE). */
const INTERFACE_NAME_BYTES = 16;

/** Name of an interface; undefined if it is gone. */
export function interfaceName(index: number): string | undefined {
  const name = new Uint8Array(INTERFACE_NAME_BYTES);
  if (libc().if_indextoname(index, name) === 0n) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

const SOCKADDR_BYTES = 28;
const SCOPE_AT = 24;

/**
 * Interface of a TCP connection from a link-local address and port, which Deno does not report.
 * Undefined if the connection is gone, or ambiguous: the address and port may exist on another link
 * too.
 */
export function interfaceOfPeer(
  address: Uint8Array,
  port: number,
  peers: Iterable<Uint8Array> = connectedPeers(),
): string | undefined {
  const scopes = new Set<number>();
  for (const name of peers) {
    const isSame = (name[2]! << 8 | name[3]!) === port &&
      address.every((byte, i) => byte === name[8 + i]);
    if (isSame) scopes.add(new DataView(name.buffer).getUint32(SCOPE_AT, true));
  }
  const [scope] = scopes;
  return scope === undefined || scopes.size > 1 ? undefined : interfaceName(scope);
}

/** Remote ends of our IPv6 connections, each a struct sockaddr_in6 valid until the next one. */
function* connectedPeers(): Generator<Uint8Array> {
  const name = new Uint8Array(SOCKADDR_BYTES);
  for (const fd of openNumbers()) {
    const length = new Uint32Array([name.length]);
    if (libc().getpeername(fd, name, length) >= 0 && name[0] === AF_INET6) yield name;
  }
}
