/**
 * UDP sockets for all addresses of one family, or for one address. Each datagram comes with its
 * destination address and its interface, and its reply leaves from that destination: also for
 * addresses of 127/8, for routed ones, and for ones added a moment ago.
 *
 * A caller is local if its datagram came over the loopback interface, from and to a loopback
 * address. A source that is one of this host's addresses is not enough.
 *
 * Datagrams dropped, because their source cannot be a caller or their destination is not this host
 * alone:
 *
 * | datagram                                     | reason                                                  |
 * | -------------------------------------------- | ------------------------------------------------------- |
 * | to a broadcast or multicast address          | a reply would tell of us, and amplify                   |
 * | with a destination that the kernel hides     | nothing is known of it                                  |
 * | from port 0                                  | nobody can be answered there                            |
 * | from 0.0.0.0/8, 224.0.0.0/3, ::, ff00::/8    | no address of one host                                  |
 * | from ::ffff:0:0/96 (mapped), ::/96           | IPv4 in IPv6: forged, IPv4 has a socket of its own      |
 * | from 127.0.0.0/8 or ::1, not over loopback   | forged                                                  |
 *
 * Source: RFC 1122 section 3.2.1.3, RFC 4291 sections 2.5 and 2.7, RFC 6890; RFC 3493 section 5.3.
 */

import { AF_INET, AF_INET6 } from "../platform/c_numbers.ts";
import { isIpv6 } from "../rpc/address.ts";
import { onArrivals } from "../platform/arrivals.ts";
import type { MessageSocket } from "../platform/message_socket.ts";
import {
  type DatagramSocket,
  type Endpoint,
  type Origin,
  TransportError,
} from "../rpc/transport.ts";
import { sleep, type StartTimer } from "../time/clock.ts";
import { endpointIn, isMapped, SocketAddresses } from "./socket_address.ts";

/** Index of the loopback interface, in every network namespace. */
const LOOPBACK_INTERFACE = 1;
/** Datagrams received before sockets with priority are polled. */
const FIRST_EVERY = 16;
/** Longest time without polling them and yielding to the event loop, in ms: one datagram may cost much. */
const TURN_EVERY_MS = 2;
/** Delay that yields to the event loop, in ms: only a timer makes Deno look at its sockets. */
const TURN_MS = 1;

/** Microtasks after which datagrams read by Deno in a turn are delivered: twice the number needed. */
const SETTLING_MICROTASKS = 10;

/** Dependencies of a socket. */
export interface ArrivalParts {
  readonly startTimer: StartTimer;
  /** Name of an interface, for the scope of link-local addresses. */
  readonly interfaceName: (index: number) => string | undefined;
  /** Polls the sockets with priority over this one. */
  readonly first: () => void;
  readonly now: () => number;
}

export class ArrivalSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #socket: MessageSocket;
  readonly #parts: ArrivalParts;
  readonly #addresses: SocketAddresses;
  readonly #closing = new AbortController();
  #deliver: ((data: Uint8Array, from: Origin) => void) | undefined;
  #isDraining = false;
  #isSignalled = false;

  /** Takes ownership of the socket. */
  constructor(socket: MessageSocket, address: string, parts: ArrivalParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.local = { address, port: socket.port };
    this.#addresses = new SocketAddresses(isIpv6(address));
  }

  /** Descriptor, valid until {@link close}. */
  get fd(): number {
    return this.#socket.fd;
  }

  send(data: Uint8Array, to: Endpoint & Partial<Origin>): Promise<void> | undefined {
    const name = this.#addresses.of(to, to.interfaceIndex);
    const isSent = !this.#closing.signal.aborted && name !== undefined &&
      to.askedAt !== undefined &&
      this.#socket.send(data as Uint8Array<ArrayBuffer>, name, to.askedAt, to.interfaceIndex);
    return isSent
      ? undefined
      : Promise.reject(new TransportError("send to", to, "it was not taken"));
  }

  /** Delivers datagrams until the socket is closed; enables its SIGIO. */
  receive(deliver: (data: Uint8Array, from: Origin) => void): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#deliver = deliver;
    return new Promise((resolve) => {
      const stop = onArrivals(() => void this.#drain());
      this.#closing.signal.addEventListener("abort", () => {
        stop();
        this.#socket.close();
        resolve();
      });
      this.#socket.ownSignals();
      void this.#drain(); // datagrams that arrived earlier
    });
  }

  poll(): void {
    for (let taken = 0; taken < FIRST_EVERY && this.#takeOne(); taken++);
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    const isServed = this.#deliver !== undefined;
    this.#closing.abort();
    if (!isServed) this.#socket.close();
  }

  /**
   * Delivers all queued datagrams. An exception in the receiver is a bug and ends the program, see
   * fatal.ts.
   */
  async #drain(): Promise<void> {
    if (this.#isDraining) return; // re-entrant: the outer loop takes them
    this.#isDraining = true;
    try {
      await this.#takeAll();
    } finally {
      this.#isDraining = false;
    }
  }

  async #takeAll(): Promise<void> {
    const { now, startTimer, first } = this.#parts;
    const { signal } = this.#closing;
    let turnedAt = now();
    for (let taken = 1; !signal.aborted; taken++) {
      if (!this.#takeOne()) {
        if (this.#isSignalled) break;
        this.#signal(true); // datagrams that came before it need one more look
        continue;
      }
      const isTurn = now() - turnedAt >= TURN_EVERY_MS;
      if (taken % FIRST_EVERY !== 0 && !isTurn) continue;
      this.#signal(false);
      first();
      if (!isTurn) continue;
      await sleep(startTimer, TURN_MS, signal);
      // Datagrams that Deno has read for sockets with priority are delivered first.
      for (let i = 0; i < SETTLING_MICROTASKS; i++) await undefined;
      turnedAt = now();
    }
  }

  /** Enables or disables the signal, which only interrupts while datagrams are queued. */
  #signal(isWanted: boolean): void {
    if (this.#isSignalled === isWanted || this.#closing.signal.aborted) return;
    this.#socket.signalArrivals(isWanted);
    this.#isSignalled = isWanted;
  }

  #takeOne(): boolean {
    if (this.#deliver === undefined || this.#closing.signal.aborted) return false;
    const received = this.#socket.receive();
    if (received === undefined) return false;
    const { data, arrival } = received;
    const isOverLoopback = arrival.interfaceIndex === LOOPBACK_INTERFACE;
    const { source } = this.#socket;
    if (!arrival.isUnicast || !isOfOneHost(source, isOverLoopback)) return true;
    const from = endpointIn(source, this.#scopeOf(arrival.interfaceIndex));
    if (from === undefined) return true;
    this.#deliver(data, {
      ...from,
      isLocal: isOverLoopback && isLoopbackIn(source),
      askedAt: arrival.destination,
      interfaceIndex: arrival.interfaceIndex,
    });
    return true;
  }

  #scopeOf(index: number): string {
    if (!isLinkLocalIn(this.#socket.source)) return "";
    return `%${this.#parts.interfaceName(index) ?? index}`;
  }
}

/** Whether a struct sockaddr can be the address of one host; see the table above. */
function isOfOneHost(source: Uint8Array, isOverLoopback: boolean): boolean {
  if (source[2] === 0 && source[3] === 0) return false; // port 0
  if (source[0] === AF_INET) {
    const first = source[4]!;
    if (first === 0 || first >= 224) return false;
    return first !== 127 || isOverLoopback;
  }
  if (isMapped(source) || source[8] === 0xff) return false;
  const isLow = source.subarray(8, 20).every((byte) => byte === 0); // ::/96
  return !isLow || isOverLoopback && isLoopbackIn(source);
}

/** Whether a struct sockaddr has an address of fe80::/10. */
function isLinkLocalIn(source: Uint8Array): boolean {
  return source[0] === AF_INET6 && source[8] === 0xfe && (source[9]! & 0xc0) === 0x80;
}

/** Whether a struct sockaddr has a loopback address. */
function isLoopbackIn(source: Uint8Array): boolean {
  return isLoopbackBytes(source[0] === AF_INET ? source.subarray(4, 8) : source.subarray(8, 24));
}

/** Whether 4 or 16 bytes are a loopback address: 127.0.0.0/8 or ::1. */
function isLoopbackBytes(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0);
}
