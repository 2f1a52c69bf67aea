/** Socket options that Deno lacks, for sockets that it opened. Their descriptors are found by port. */

import {
  type BoundSocket,
  boundSocket,
  getSocketOption,
  openNumbers,
  setSocketOption,
} from "./descriptors.ts";
import { libc, LibcError } from "./libc.ts";
import { bindToLoopback } from "./message_socket.ts";

/**
 * Sets the receive buffer of every UDP socket bound to `port`, unless it is larger already. Without
 * privileges it is limited by `net.core.rmem_max`.
 *
 * @returns Number of sockets found.
 */
export function setReceiveBuffer(port: number, bytes: number): number {
  let found = 0;
  for (const fd of openNumbers()) {
    const socket = boundSocket(fd);
    if (socket?.transport !== "udp" || socket.port !== port) continue;
    found++;
    // The kernel doubles the value for its overhead. A second call may come after the privilege
    // drop.
    if (getSocketOption(fd, "SO_RCVBUF") >= 2 * bytes) continue;
    try {
      setSocketOption(fd, "SO_RCVBUFFORCE", bytes);
    } catch (error) {
      if (!(error instanceof LibcError && error.code === "EPERM")) throw error;
      setSocketOption(fd, "SO_RCVBUF", bytes);
    }
  }
  return found;
}

/**
 * Sets TCP_USER_TIMEOUT for connections accepted on `port`: the kernel drops a peer that accepts no
 * data for `ms`. Listening sockets pass the option on (tcp(7)).
 */
export function setSendTimeLimit(port: number, ms: number): void {
  for (const fd of openNumbers()) {
    const socket = boundSocket(fd);
    if (socket?.transport === "tcp" && socket.port === port) {
      setSocketOption(fd, "TCP_USER_TIMEOUT", ms);
    }
  }
}

/**
 * Lets this user open further sockets on our port, until {@link endSharing}. SO_REUSEPORT requires
 * the option on all sockets, and one user; SO_REUSEADDR would admit any user.
 */
export function sharePort(transport: BoundSocket["transport"], port: number): void {
  for (const fd of descriptorsOf(transport, port)) setSocketOption(fd, "SO_REUSEPORT", 1);
}

/** Makes our port exclusive again. */
export function endSharing(transport: BoundSocket["transport"], port: number): void {
  for (const fd of descriptorsOf(transport, port)) setSocketOption(fd, "SO_REUSEPORT", 0);
}

/**
 * Restricts our UDP sockets at loopback addresses to the loopback interface: a router may forward
 * datagrams to such addresses, and a host with `route_localnet` accepts them. False if not
 * permitted; see {@link bindToLoopback}.
 */
export function keepToLoopback(port: number): boolean {
  return descriptorsOf("udp", port).every((fd) =>
    !boundSocket(fd)!.isLoopback || bindToLoopback(fd)
  );
}

function descriptorsOf(transport: BoundSocket["transport"], port: number): number[] {
  return openNumbers().filter((fd) => {
    const socket = boundSocket(fd);
    return socket?.transport === transport && socket.port === port;
  });
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
const AF_INET6 = 10;
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
