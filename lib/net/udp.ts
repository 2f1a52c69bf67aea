/**
 * UDP sockets on Deno's unstable datagram API.
 *
 * A socket bound to `::` is dual-stack: it can call peers of both families. Mapped source addresses
 * are shown as plain IPv4, and plain IPv4 destinations are accepted. On all other sockets a mapped
 * source is forged, and its datagram is dropped.
 *
 * Source: RFC 3493 section 3.7 (mapped addresses).
 */

import { type DatagramCalls, DescriptorCalls } from "../platform/datagram_calls.ts";
import { withDescriptor } from "../platform/opened_socket.ts";
import { isIpv6, isLoopback } from "../rpc/address.ts";
import {
  type Caller,
  type DatagramSocket,
  type Endpoint,
  type Netid,
  type Origin,
  type Respond,
  TransportError,
} from "../rpc/transport.ts";
import { endpointOf, scopeOf } from "./endpoint.ts";
import { isClosed } from "./errors.ts";
import { endpointIn, SOCKET_ADDRESS_BYTES, SocketAddresses } from "./socket_address.ts";
import { sleep, type StartTimer } from "../time/clock.ts";

/**
 * Longest datagram received whole, in bytes: as in other RPC implementations, and several times our
 * largest call. The rest of a longer one is cut off; bytes after the arguments are ignored anyway.
 */
export const DATAGRAM_MAX_BYTES = 9_000;
/**
 * Consecutive errors of receive() that may concern single datagrams. After more of them the socket
 * itself is faulty, and the loop pauses instead of spinning.
 */
const ERRORS_IN_A_ROW_MAX = 16;
/** Length of that pause, in ms: shorter than a retransmission interval. */
const ERROR_PAUSE_MS = 50;

/**
 * Datagrams received in a row before the loop yields to the event loop: so many that the delay does
 * not count.
 */
const DRAINED_MAX = 1024;
/**
 * Delay that yields to the event loop, in ms. While datagrams are queued Deno resolves receive()
 * without polling anything else. Only a timer makes it poll; promises and message ports do not.
 */
const TURN_MS = 1;

/** Address of a socket. */
export interface DatagramOptions {
  /** Numeric address, `::` for both families; a link-local one with its scope. */
  readonly address: string;
  /** Port number; 0: ephemeral. */
  readonly port: number;
}

/**
 * Opens a UDP socket, with our own system calls where Deno is slow.
 *
 * @throws {TransportError} When the address or port cannot be bound; `cause` is the error of
 * `Deno`.
 */
export function openUdpSocket(
  { address, port }: DatagramOptions,
  startTimer: StartTimer,
): UdpSocket {
  try {
    const options = { transport: "udp", hostname: address, port } as const;
    const { opened, fd } = withDescriptor(() => Deno.listenDatagram(options));
    return new UdpSocket(opened, new DescriptorCalls(fd), startTimer, scopeOf(address));
  } catch (error) {
    throw new TransportError("open UDP socket", { address, port }, error);
  }
}

/** Wraps a Deno socket; `scope` is that of its own address. */
export class UdpSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #socket: Deno.DatagramConn;
  readonly #startTimer: StartTimer;
  readonly #scope: string;
  readonly #calls: DatagramCalls;
  readonly #addresses: SocketAddresses;
  readonly #closing = new AbortController();
  /** Set by {@link receive}. */
  #deliver: ((data: Uint8Array, from: Origin) => void) | undefined;
  /** Whether the socket is bound to a loopback address. */
  readonly #isLoopback: boolean;
  readonly #isDual: boolean;
  /** Separate buffer, since Deno may be filling the other one. */
  readonly #polled = new Uint8Array(DATAGRAM_MAX_BYTES);

  constructor(
    socket: Deno.DatagramConn,
    calls: DatagramCalls,
    startTimer: StartTimer,
    scope = "",
  ) {
    this.#socket = socket;
    this.#calls = calls;
    this.#startTimer = startTimer;
    this.#scope = scope;
    this.local = endpointOf(socket.addr, scope);
    this.#isLoopback = isLoopback(this.local.address);
    this.#isDual = this.local.address === "::";
    this.#addresses = new SocketAddresses(isIpv6(this.local.address));
  }

  /** Descriptor, valid until {@link close}. */
  get fd(): number {
    return this.#calls.fd;
  }

  send(data: Uint8Array, to: Endpoint): Promise<void> | undefined {
    if (!this.#closing.signal.aborted) {
      const address = this.#addresses.of(to);
      const isSent = address !== undefined &&
        this.#calls.send(data as Uint8Array<ArrayBuffer>, address);
      if (isSent) return undefined;
    }
    return this.#sendByRuntime(data, to);
  }

  async receive(deliver: (data: Uint8Array, from: Origin) => void): Promise<void> {
    const buffer = new Uint8Array(DATAGRAM_MAX_BYTES);
    this.#deliver = deliver;
    let errorsInARow = 0;
    while (!this.#closing.signal.aborted) {
      let received: [Uint8Array, Deno.Addr];
      try {
        received = await this.#socket.receive(buffer);
        errorsInARow = 0;
      } catch (error) {
        if (isClosed(error)) return;
        if (++errorsInARow > ERRORS_IN_A_ROW_MAX) {
          await sleep(this.#startTimer, ERROR_PAUSE_MS, this.#closing.signal);
        }
        continue;
      }
      this.#handOver(received[0], endpointOf(received[1], this.#scope, this.#isDual));
      if (this.#drain(buffer, 1) < DRAINED_MAX) continue;
      await sleep(this.#startTimer, TURN_MS, this.#closing.signal);
    }
  }

  poll(): void {
    if (this.#deliver !== undefined) this.#drain(this.#polled, 0);
  }

  /**
   * Delivers all queued datagrams without a turn of the event loop for each; returns their number
   * plus `taken`.
   */
  #drain(buffer: Uint8Array<ArrayBuffer>, taken: number): number {
    const source = new Uint8Array(SOCKET_ADDRESS_BYTES);
    for (; taken < DRAINED_MAX && !this.#closing.signal.aborted; taken++) {
      const length = this.#calls.receive(buffer, source);
      if (length < 0) return taken;
      this.#handOver(buffer.subarray(0, length), endpointIn(source, this.#scope, this.#isDual));
    }
    return taken;
  }

  #handOver(data: Uint8Array, from: Endpoint | undefined): void {
    if (from === undefined) return;
    const isLocal = this.#isLoopback && isLoopback(from.address);
    this.#deliver!(data, { address: from.address, port: from.port, isLocal });
  }

  async #sendByRuntime(data: Uint8Array, to: Endpoint): Promise<void> {
    try {
      const where = { transport: "udp", hostname: to.address, port: to.port } as const;
      await this.#socket.send(data.slice(), where);
    } catch (error) {
      throw new TransportError("send to", to, error);
    }
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#socket.close();
  }
}

/**
 * Limit of remote calls in flight per socket. Each holds a few kilobytes and perhaps a place in a
 * queue. Calls beyond it are dropped, since their senders retry. Local calls are not counted, so
 * that remote hosts cannot lock out the lock manager.
 */
const STRANGERS_CALLS_MAX = 512;

/** Hooks of a datagram server. */
export interface DatagramHooks {
  /** Called when `respond` throws, which is a bug; the caller gets no reply. */
  respondFailed(caller: Caller, error: unknown): void;
  /** Called when a reply cannot be sent; the caller will retry. */
  replyFailed(caller: Caller, error: unknown): void;
  /** Called when a call is dropped because too many are in flight. */
  dropped(caller: Caller): void;
}

/**
 * Serves the calls that arrive at a socket until it is closed. Calls run concurrently, and replies
 * leave in the order of completion. Errors of `respond` or of the network do not end it.
 */
export function serveDatagrams(
  socket: DatagramSocket,
  netidOf: (address: string) => Netid,
  respond: Respond,
  hooks: DatagramHooks,
): Promise<void> {
  let strangersCalls = 0;

  const reply = (message: Uint8Array | undefined, caller: Caller) => {
    if (message === undefined) return;
    socket.send(message, caller)?.catch((error) => hooks.replyFailed(caller, error));
  };
  const replyLater = async (answer: Promise<Uint8Array | undefined>, caller: Caller) => {
    const isStranger = !caller.isLocal;
    if (isStranger) strangersCalls++;
    try {
      reply(await answer, caller);
    } catch (error) {
      hooks.respondFailed(caller, error);
    } finally {
      if (isStranger) strangersCalls--;
    }
  };
  return socket.receive((call, from) => {
    const caller = { ...from, netid: netidOf(from.address) };
    if (strangersCalls >= STRANGERS_CALLS_MAX && !from.isLocal) {
      hooks.dropped(caller);
      return;
    }
    try {
      const answer = respond(call, caller);
      if (answer instanceof Promise) replyLater(answer, caller);
      else reply(answer, caller);
    } catch (error) {
      hooks.respondFailed(caller, error);
    }
  });
}
