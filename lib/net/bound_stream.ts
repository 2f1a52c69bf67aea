/**
 * TCP connections from a chosen source address and port, for which Deno has no option. Non-blocking
 * system calls, polled with exponential back-off: a result is seen after at most twice the time
 * that it took.
 *
 * Source: bindresvport(3) for the choice of the port.
 */

import { ANY_IPV4, ANY_IPV6 } from "./wildcards.ts";
import { isIpv6 } from "../rpc/address.ts";
import {
  type Connect,
  type Endpoint,
  type StreamConnection,
  TransportError,
} from "../rpc/transport.ts";
import { systemCode } from "./errors.ts";
import { sleep, type StartTimer } from "../time/clock.ts";

/** First pause of the back-off, in ms: a round trip within one building. */
const PAUSE_MIN_MS = 1;
/** Longest pause, in ms: polling hundreds of connections at it costs next to nothing. */
const PAUSE_MAX_MS = 50;

/** Ephemeral port. */
const ANY_PORT = 0;

/** Non-blocking TCP system calls; their errors have a `code` such as `EADDRINUSE`. */
export interface StreamCalls {
  /** Encodes an endpoint as struct sockaddr. */
  socketAddress(endpoint: Endpoint): Uint8Array<ArrayBuffer>;
  /** Opens a socket bound to an endpoint. */
  open(local: Endpoint): number;
  /** Starts to connect, or polls the progress; returns whether the connection is established. */
  connect(fd: number, to: Uint8Array<ArrayBuffer>): boolean;
  /** Reads available bytes and returns their number, 0 at the end; undefined if none are available. */
  receive(fd: number, into: Uint8Array<ArrayBuffer>): number | undefined;
  /** Writes as much as fits and returns the number of bytes; undefined if nothing fits. */
  send(fd: number, data: Uint8Array<ArrayBuffer>): number | undefined;
  close(fd: number): void;
}

/** Local end of connections. */
export interface StreamSource {
  /** Numeric address; `::` means any address of both families. */
  readonly address: string;
  /** Ports to try for one connection, in order; an ephemeral port follows if none is usable. */
  readonly ports: () => readonly number[];
  readonly calls: StreamCalls;
  readonly startTimer: StartTimer;
}

/** Makes a function that opens TCP connections from a source. */
export function connectFrom(source: StreamSource): Connect {
  return async (to, signal) => {
    const stream = new BoundStream(source, begin(source, to), to);
    const close = () => stream.close();
    signal.addEventListener("abort", close);
    try {
      if (signal.aborted) close();
      await stream.connected();
      return stream;
    } catch (error) {
      close();
      throw error;
    } finally {
      signal.removeEventListener("abort", close);
    }
  };
}

/** Starts to connect from the first usable port; returns the socket. */
function begin({ address, ports, calls }: StreamSource, to: Endpoint): number {
  const isFromEverywhere = address === ANY_IPV6 && !isIpv6(to.address);
  const own = isFromEverywhere ? ANY_IPV4 : address;
  let refusal: unknown;
  for (const port of [...ports(), ANY_PORT]) {
    let fd: number | undefined;
    try {
      fd = calls.open({ address: own, port });
      calls.connect(fd, calls.socketAddress(to));
      return fd;
    } catch (error) {
      if (fd !== undefined) calls.close(fd);
      refusal = error;
      if (!isOfPort(error, fd !== undefined)) break;
    }
  }
  throw new TransportError("connect to", to, refusal);
}

/** Whether another source port could succeed. */
function isOfPort(error: unknown, isBound: boolean): boolean {
  const code = systemCode(error);
  // After bind, EADDRNOTAVAIL means that the port is already connected to this destination.
  if (isBound) return code === "EADDRNOTAVAIL";
  return code === "EADDRINUSE" || code === "EACCES" || code === "EPERM";
}

/** Connection, established or in progress. */
class BoundStream implements StreamConnection {
  readonly #calls: StreamCalls;
  readonly #startTimer: StartTimer;
  readonly #fd: number;
  readonly #closing = new AbortController();
  #lastWrite: Promise<void> = Promise.resolve();

  constructor({ calls, startTimer }: StreamSource, fd: number, readonly remote: Endpoint) {
    this.#calls = calls;
    this.#startTimer = startTimer;
    this.#fd = fd;
  }

  /** Settles when the connection is established. */
  async connected(): Promise<void> {
    const address = this.#calls.socketAddress(this.remote);
    await this.#attempt("connect to", () => this.#calls.connect(this.#fd, address) || undefined);
  }

  async read(into: Uint8Array): Promise<number | null> {
    const bytes = into as Uint8Array<ArrayBuffer>;
    const length = await this.#attempt("read from", () => this.#calls.receive(this.#fd, bytes));
    return length === 0 ? null : length;
  }

  write(data: Uint8Array): Promise<void> {
    const write = this.#lastWrite.then(() => this.#writeAll(data as Uint8Array<ArrayBuffer>));
    this.#lastWrite = write.catch(() => {/* the writer was told */});
    return write;
  }

  async #writeAll(data: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < data.length;) {
      const rest = data.subarray(at);
      at += await this.#attempt("write to", () => this.#calls.send(this.#fd, rest));
    }
  }

  close(): void {
    if (!this.#closing.signal.aborted) this.#calls.close(this.#fd);
    this.#closing.abort();
  }

  /** Polls a call until it has a result, fails, or the connection is closed. */
  async #attempt<T>(action: string, call: () => T | undefined): Promise<T> {
    const { signal } = this.#closing;
    try {
      for (let pauseMs = PAUSE_MIN_MS;; pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
        if (signal.aborted) throw new Error("the connection was closed");
        const result = call();
        if (result !== undefined) return result;
        await sleep(this.#startTimer, pauseMs, signal);
      }
    } catch (error) {
      throw new TransportError(action, this.remote, error);
    }
  }
}
