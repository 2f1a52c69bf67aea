/**
 * UDP sockets for all addresses of one family. Each datagram comes with the address that it was sent to
 * and the interface that it arrived at, and its reply leaves from that address: also where the address
 * is one of 127/8, only routed here, or a moment old.
 *
 * What such a socket drops, since no caller can be at its source, or it was not sent to this host alone:
 *
 * | datagram                                     | reason                                                  |
 * | -------------------------------------------- | ------------------------------------------------------- |
 * | to a broadcast or multicast address          | a reply would tell of us, and amplify                   |
 * | from port 0                                  | nobody can be answered there                            |
 * | from 0.0.0.0/8, 224.0.0.0/3, ::, ff00::/8    | no address of one host                                  |
 * | from ::ffff:0:0/96 (mapped), ::/96           | IPv4 in IPv6: forged, IPv4 has a socket of its own      |
 * | from 127.0.0.0/8 or ::1, not over loopback   | forged                                                  |
 *
 * Source: RFC 1122 section 3.2.1.3, RFC 4291 sections 2.5 and 2.7, RFC 6890; RFC 3493 section 5.3.
 */

import { type MessageSocket, onArrivals } from "../platform/message_socket.ts";
import { isLinkLocal } from "../rpc/address.ts";
import {
  type DatagramSocket,
  type Endpoint,
  type Origin,
  TransportError,
} from "../rpc/transport.ts";
import { sleep, type StartTimer } from "../time/clock.ts";
import { addressIn, endpointIn, isMapped, SocketAddresses } from "./socket_address.ts";

/** Index of the interface of loopback, in each network namespace. */
const LOOPBACK_INTERFACE = 1;
/** Datagrams taken before sockets with priority are looked at, and everything else has a turn. */
const FIRST_EVERY = 16;
/** Time for datagrams without a turn of the event loop, in ms. */
const TURN_EVERY_MS = 5;
/** Delay that yields to the event loop, in ms: only a timer makes Deno look at its sockets. */
const TURN_MS = 1;

/** What a wildcard socket needs. */
export interface WildcardParts {
  readonly startTimer: StartTimer;
  /** The name of an interface, for the scope of link-local addresses. */
  readonly interfaceName: (index: number) => string | undefined;
  /** Polls the sockets with priority over this one. */
  readonly first: () => void;
  readonly now: () => number;
}

export class WildcardSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #socket: MessageSocket;
  readonly #parts: WildcardParts;
  readonly #addresses: SocketAddresses;
  readonly #closing = new AbortController();
  #deliver: ((data: Uint8Array, from: Origin) => void) | undefined;
  #isDraining = false;

  /** Owns the socket from here on. */
  constructor(socket: MessageSocket, address: "0.0.0.0" | "::", parts: WildcardParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.local = { address, port: socket.port };
    this.#addresses = new SocketAddresses(address === "::");
  }

  send(data: Uint8Array, to: Endpoint & Partial<Origin>): Promise<void> | undefined {
    const name = this.#addresses.of(to, to.interfaceIndex);
    const isSent = !this.#closing.signal.aborted && name !== undefined &&
      to.askedAt !== undefined &&
      this.#socket.send(data as Uint8Array<ArrayBuffer>, name, to.askedAt);
    return isSent
      ? undefined
      : Promise.reject(new TransportError("send to", to, "it was not taken"));
  }

  /** Hands over what arrives until the socket is closed. Signals are awaited from here on. */
  receive(deliver: (data: Uint8Array, from: Origin) => void): Promise<void> {
    this.#deliver = deliver;
    return new Promise((resolve) => {
      const stop = onArrivals(() => void this.#drain());
      this.#closing.signal.addEventListener("abort", () => {
        stop();
        this.#socket.close();
        resolve();
      });
      this.#socket.signalArrivals();
      void this.#drain(); // what arrived before
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

  /** Takes all that has arrived; it never rejects. */
  async #drain(): Promise<void> {
    if (this.#isDraining) return; // re-entrant: the loop that runs takes it
    this.#isDraining = true;
    const { now, startTimer, first } = this.#parts;
    let turnedAt = now();
    for (let taken = 1; !this.#closing.signal.aborted && this.#takeOne(); taken++) {
      if (taken % FIRST_EVERY !== 0) continue;
      first();
      if (now() - turnedAt < TURN_EVERY_MS) continue;
      await sleep(startTimer, TURN_MS, this.#closing.signal);
      turnedAt = now();
    }
    this.#isDraining = false;
  }

  #takeOne(): boolean {
    if (this.#closing.signal.aborted) return false;
    const received = this.#socket.receive();
    if (received === undefined) return false;
    const { data, arrival } = received;
    const isOverLoopback = arrival.interfaceIndex === LOOPBACK_INTERFACE;
    const { source } = this.#socket;
    if (!arrival.isUnicast || !isOfOneHost(source, isOverLoopback)) return true;
    const from = endpointIn(source, this.#scopeOf(arrival.interfaceIndex));
    if (from === undefined) return true;
    this.#deliver!(data, {
      ...from,
      isLocal: isOverLoopback && isLoopbackIn(source) &&
        isLoopbackBytes(arrival.destination),
      askedAt: arrival.destination,
      interfaceIndex: arrival.interfaceIndex,
    });
    return true;
  }

  #scopeOf(index: number): string {
    if (this.local.address !== "::" || !isLinkLocal(addressIn(this.#socket.source))) return "";
    const name = this.#parts.interfaceName(index);
    return `%${name ?? index}`;
  }
}

/** Whether a datagram with this struct sockaddr can come from one host, see the table above. */
export function isOfOneHost(source: Uint8Array, isOverLoopback: boolean): boolean {
  if (source[2] === 0 && source[3] === 0) return false; // port 0
  if (source[0] === 2) {
    const first = source[4]!;
    if (first === 0 || first >= 224) return false;
    return first !== 127 || isOverLoopback;
  }
  if (isMapped(source) || source[8] === 0xff) return false;
  const isLow = source.subarray(8, 20).every((byte) => byte === 0); // ::/96
  return !isLow || isOverLoopback && isLoopbackIn(source);
}

/** Whether a struct sockaddr has an address of loopback. */
function isLoopbackIn(source: Uint8Array): boolean {
  return isLoopbackBytes(source[0] === 2 ? source.subarray(4, 8) : source.subarray(8, 24));
}

/** Whether 4 or 16 bytes are an address of loopback: 127.0.0.0/8 or ::1. */
function isLoopbackBytes(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0);
}
