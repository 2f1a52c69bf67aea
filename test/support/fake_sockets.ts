/** UDP socket and connection without a network. */

import {
  type DatagramSocket,
  type Endpoint,
  type Origin,
  type StreamConnection,
  TransportError,
} from "../../lib/rpc/transport.ts";
import { isLoopback } from "../../lib/rpc/address.ts";

/** Datagram socket that keeps sent datagrams; {@link FakeDatagramSocket.arrive} plays the remote end. */
export class FakeDatagramSocket implements DatagramSocket {
  readonly local: Endpoint = { address: "127.0.0.1", port: 700 };
  readonly sent: { readonly data: Uint8Array; readonly to: Endpoint }[] = [];
  /** Error of every further send. */
  sendError: Error | undefined;
  isClosed = false;
  #deliver: (data: Uint8Array, from: Origin) => void = () => {};
  readonly #ended = Promise.withResolvers<void>();

  send(data: Uint8Array, to: Endpoint): Promise<void> {
    if (this.isClosed) return Promise.reject(new TransportError("send to", to, "closed"));
    if (this.sendError !== undefined) return Promise.reject(this.sendError);
    this.sent.push({ data: data.slice(), to });
    return Promise.resolve();
  }

  receive(deliver: (data: Uint8Array, from: Origin) => void): Promise<void> {
    this.#deliver = deliver;
    return this.#ended.promise;
  }

  /** Delivers a datagram; its buffer is overwritten afterwards. */
  arrive(data: Uint8Array, from: Endpoint): void {
    const buffer = data.slice();
    this.#deliver(buffer, { isLocal: isLoopback(from.address), ...from });
    buffer.fill(0xee);
  }

  poll(): void {}

  close(): void {
    this.isClosed = true;
    this.#ended.resolve();
  }
}

/** Connection that keeps written data; `arrive`, `end` and `fail` play the remote end. */
export class FakeConnection implements StreamConnection {
  readonly written: Uint8Array[] = [];
  /** Error of every further write. */
  writeError: Error | undefined;
  isClosed = false;
  #unread = new Uint8Array(0);
  #end: { readonly error?: Error } | undefined;
  #wake: () => void = () => {};

  readonly isLocal: boolean;

  constructor(readonly remote: Endpoint) {
    this.isLocal = isLoopback(remote.address);
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#unread.length === 0) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const length = Math.min(into.length, this.#unread.length);
    into.set(this.#unread.subarray(0, length));
    this.#unread = this.#unread.slice(length);
    return length;
  }

  write(data: Uint8Array): Promise<void> {
    if (this.isClosed) return Promise.reject(new TransportError("write to", this.remote, "closed"));
    if (this.writeError !== undefined) return Promise.reject(this.writeError);
    this.written.push(data.slice());
    return Promise.resolve();
  }

  /** The remote end writes. */
  arrive(data: Uint8Array): void {
    this.#unread = new Uint8Array([...this.#unread, ...data]);
    this.#wake();
  }

  /** The remote end closes. */
  end(): void {
    this.#end ??= {};
    this.#wake();
  }

  /** Breaks the connection. */
  fail(error: Error): void {
    this.#end ??= { error };
    this.#wake();
  }

  close(): void {
    this.isClosed = true;
    this.fail(new TransportError("read from", this.remote, "interrupted"));
  }
}
