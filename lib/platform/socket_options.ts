/** Options of sockets that Deno opened and has no option for. Their descriptors are found by the port. */

import { boundSocket, getSocketOption, openNumbers, setSocketOption } from "./descriptors.ts";
import { bindToLoopback } from "./message_socket.ts";
import { LibcError } from "./libc.ts";

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
    // The kernel doubles what it is told, for its own needs. Whoever asks again may have lost the privilege.
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
 * Has the kernel give up connections whose peers take no data for `ms`: those that are accepted at the
 * TCP sockets listening on `port`, which hand the option on (tcp(7), TCP_USER_TIMEOUT).
 */
export function setSendTimeLimit(port: number, ms: number): void {
  for (const fd of openNumbers()) {
    const socket = boundSocket(fd);
    if (socket?.transport === "tcp" && socket.port === port) {
      setSocketOption(fd, "TCP_USER_TIMEOUT", ms);
    }
  }
}

/** Lets further sockets be opened on a UDP port of ours, until {@link endSharing}. */
export function shareUdpPort(port: number): void {
  for (const fd of udpDescriptors(port)) setSocketOption(fd, "SO_REUSEADDR", 1);
}

/**
 * Keeps everybody else from opening sockets on a UDP port of ours, and strangers from those at addresses
 * of loopback, where a router hands on datagrams to such addresses (`route_localnet`).
 */
export function endSharing(port: number): void {
  for (const fd of udpDescriptors(port)) {
    setSocketOption(fd, "SO_REUSEADDR", 0);
    if (boundSocket(fd)!.isLoopback) bindToLoopback(fd);
  }
}

function udpDescriptors(port: number): number[] {
  return openNumbers().filter((fd) => {
    const socket = boundSocket(fd);
    return socket?.transport === "udp" && socket.port === port;
  });
}

/** The name of an interface; undefined where it has just gone. */
export function interfaceName(index: number): string | undefined {
  return Deno.networkInterfaces().find(({ scopeid }) => scopeid === index)?.name;
}
