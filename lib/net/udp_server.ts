/**
 * UDP sockets of a server. For all addresses of this host they are the following, and each datagram
 * goes to the first one that matches:
 *
 * | socket         | for                                                                          |
 * | -------------- | ---------------------------------------------------------------------------- |
 * | 127.0.0.1, ::1 | lock managers, over the interface of loopback                                |
 * | 0.0.0.0, ::    | who else is on this host, over the interface of loopback: 127.0.1.1, its own |
 * | 0.0.0.0, ::    | other hosts                                                                  |
 *
 * So no remote datagram delays a local call: the upper sockets have buffers of their own, and
 * priority.
 */

import { bindToLoopback, MessageSocket } from "../platform/message_socket.ts";
import { isSharedPort } from "../platform/processes.ts";
import { interfaceName, setPortSharing, setReceiveBuffer } from "../platform/socket_options.ts";
import { streamCalls } from "../platform/stream_calls.ts";
import { isIpv6, isLoopback, LOOPBACK_ADDRESSES } from "../rpc/address.ts";
import { TransportError } from "../rpc/transport.ts";
import type { StartTimer } from "../time/clock.ts";
import { ArrivalSocket } from "./arrival_socket.ts";
import { systemCode } from "./errors.ts";
import { ANY_IPV4, ANY_IPV6, isWildcard } from "./wildcards.ts";
import { DATAGRAM_MAX_BYTES, openUdpSocket, type UdpSocket } from "./udp.ts";

/**
 * Receive buffer of a socket, in bytes. The kernel charges about 800 for a small datagram, so this
 * holds the notices of 5,000 peers that regain power at one moment.
 */
export const SERVER_BUFFER_BYTES = 4 * 1024 * 1024;

/** Errors of a kernel without IPv6, of a host with IPv6 disabled, and of one without loopback. */
const NO_ADDRESS = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

/**
 * Opens the sockets at `addresses`, or at all of this host; loopback sockets come first in the
 * result. An address may be added to this host later. The first socket is opened exclusively, and
 * wildcards are checked, so that another program on the port is noticed. Port 0: any, but equal for all.
 *
 * @throws {TransportError} When the port is in use, or not permitted.
 */
export function openUdpServer(
  port: number,
  addresses: readonly string[] = [ANY_IPV4, ANY_IPV6],
  startTimer: StartTimer,
): (UdpSocket | ArrivalSocket)[] {
  return new UdpOpener(port, startTimer).open(addresses);
}

class UdpOpener {
  readonly #startTimer: StartTimer;
  readonly #loopback: UdpSocket[] = [];
  readonly #ofThisHost: ArrivalSocket[] = [];
  readonly #others: ArrivalSocket[] = [];
  #port: number;

  constructor(port: number, startTimer: StartTimer) {
    this.#port = port;
    this.#startTimer = startTimer;
  }

  open(addresses: readonly string[]): (UdpSocket | ArrivalSocket)[] {
    const all = () => [...this.#loopback, ...this.#ofThisHost, ...this.#others];
    try {
      for (const address of new Set([...LOOPBACK_ADDRESSES, ...addresses.filter(isLoopback)])) {
        this.#openLoopback(address);
      }
      for (const address of addresses) {
        if (isWildcard(address)) this.#openWildcards(address);
        else if (!isLoopback(address)) this.#others.push(this.#openArrival(address));
      }
      for (const { fd } of all()) setPortSharing(fd, false);
      for (const address of addresses.filter(isWildcard)) this.#checkExclusive(address, all());
      return all();
    } catch (error) {
      for (const socket of all()) socket.close();
      throw error;
    }
  }

  /**
   * Notices a socket that another user bound earlier to one address of a wildcard. bind(2) stops
   * looking for such sockets at the first one of ours that shares the port. None can come later.
   */
  #checkExclusive(address: string, sockets: readonly { readonly fd: number }[]): void {
    const table = isIpv6(address) ? "udp6" : "udp";
    if (!isSharedPort(table, this.#port, sockets.map(({ fd }) => fd))) return;
    const cause = new Error("Address already in use (os error 98)");
    const at = { address, port: this.#port };
    throw new TransportError("open UDP socket", at, Object.assign(cause, { code: "EADDRINUSE" }));
  }

  #openLoopback(address: string): void {
    const at = { address, port: this.#port };
    try {
      const socket = openUdpSocket(at, this.#startTimer);
      this.#opened(socket);
      // A router may forward datagrams to loopback addresses, and a host with `route_localnet`
      // accepts them.
      if (bindToLoopback(socket.fd)) {
        this.#loopback.push(socket);
        return;
      }
      socket.close();
      this.#others.push(this.#openArrival(address)); // checks the interface of each datagram
    } catch (error) {
      if (!(error instanceof TransportError && NO_ADDRESS.has(systemCode(error.cause) ?? ""))) {
        throw error;
      }
    }
  }

  #openWildcards(address: string): void {
    try {
      this.#ofThisHost.push(this.#openArrival(address, true));
    } catch (error) {
      const code = error instanceof TransportError ? systemCode(error.cause) : undefined;
      if (address === ANY_IPV6 && NO_ADDRESS.has(code ?? "")) return;
      // old kernel without privilege: the other socket gets everything
      if (code !== "EPERM") throw error;
    }
    this.#others.push(this.#openArrival(address));
  }

  #openArrival(address: string, isLoopbackOnly = false): ArrivalSocket {
    const at = { address, port: this.#port };
    let socket: MessageSocket;
    try {
      socket = MessageSocket.open({
        family: isIpv6(address) ? "ipv6" : "ipv4",
        name: streamCalls.socketAddress(at),
        maxBytes: DATAGRAM_MAX_BYTES,
        isLoopbackOnly,
        sharesPort: this.#isOpen,
      });
    } catch (error) {
      throw new TransportError("open UDP socket", at, error);
    }
    const opened = new ArrivalSocket(socket, address, {
      startTimer: this.#startTimer,
      interfaceName,
      first: () => this.#poll(isLoopbackOnly),
      now: () => performance.now(),
    });
    this.#opened(opened);
    return opened;
  }

  /** Whether a socket is open whose port further sockets share. */
  #isOpen = false;

  #opened({ fd, local }: UdpSocket | ArrivalSocket): void {
    this.#isOpen = true;
    this.#port = local.port;
    setPortSharing(fd, true);
    setReceiveBuffer(fd, SERVER_BUFFER_BYTES);
  }

  #poll(isFromThisHost: boolean): void {
    for (const socket of this.#loopback) socket.poll();
    if (isFromThisHost) return;
    for (const socket of this.#ofThisHost) socket.poll();
  }
}
