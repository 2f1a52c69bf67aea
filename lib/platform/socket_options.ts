/** Options of sockets that Deno opened and has no option for. Their descriptors are found by the port. */

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
 * Gives every UDP socket bound to `port` a receive buffer of `bytes`, unless it has a larger one. Without
 * the privilege to do so it is as large as the system allows (`net.core.rmem_max`).
 *
 * @returns How many sockets there are.
 */
export function setReceiveBuffer(port: number, bytes: number): number {
  let found = 0;
  for (const fd of openNumbers()) {
    const socket = boundSocket(fd);
    if (socket?.transport !== "udp" || socket.port !== port) continue;
    found++;
    // The kernel doubles the value for its own needs. A second call may come after the privilege drop.
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
 * TCP_USER_TIMEOUT of `ms` for connections accepted on `port`: the kernel gives up a peer that takes no
 * data for so long. Listening sockets hand the option on (tcp(7)).
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
 * Lets this user open further sockets on a port of ours, until {@link endSharing}. SO_REUSEPORT is for
 * sockets of one user that all have it; SO_REUSEADDR would let everybody in.
 */
export function sharePort(transport: BoundSocket["transport"], port: number): void {
  for (const fd of descriptorsOf(transport, port)) setSocketOption(fd, "SO_REUSEPORT", 1);
}

/** Lets nobody open a further socket on a port of ours. */
export function endSharing(transport: BoundSocket["transport"], port: number): void {
  for (const fd of descriptorsOf(transport, port)) setSocketOption(fd, "SO_REUSEPORT", 0);
}

/**
 * Has our UDP sockets at addresses of loopback take only what arrives at the interface of loopback:
 * a router hands on datagrams to such addresses, and a host with `route_localnet` takes them. Whether that
 * is allowed; see {@link bindToLoopback}.
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

/** Longest name of an interface in bytes, with the zero at its end (IF_NAMESIZE). */
const INTERFACE_NAME_BYTES = 16;

/** The name of an interface; undefined where it has just gone. */
export function interfaceName(index: number): string | undefined {
  const name = new Uint8Array(INTERFACE_NAME_BYTES);
  if (libc().if_indextoname(index, name) === 0n) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

const SOCKADDR_BYTES = 28;
const AF_INET6 = 10;
const SCOPE_AT = 24;

/**
 * The name of the interface by which a TCP connection of ours has come from a link-local address and a
 * port: the runtime does not tell it. Undefined where the connection has gone, and where there is one from
 * that address and port on another link too: then either may be meant.
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

/** The other ends of our IPv6 connections, each a struct sockaddr_in6 that is valid until the next. */
function* connectedPeers(): Generator<Uint8Array> {
  const name = new Uint8Array(SOCKADDR_BYTES);
  for (const fd of openNumbers()) {
    const length = new Uint32Array([name.length]);
    if (libc().getpeername(fd, name, length) >= 0 && name[0] === AF_INET6) yield name;
  }
}
