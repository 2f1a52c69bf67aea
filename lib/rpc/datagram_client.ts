/**
 * RPC client on one UDP socket: any number of concurrent calls, to any host. A reply counts only if
 * its xid *and* its source match the call.
 *
 * Source: RFC 5531 section 9.
 */

import { type ClientParts, OutstandingCalls } from "./client.ts";
import type { Args, Procedures, Program, Result } from "./program.ts";
import { type DatagramSocket, type Endpoint, TransportError } from "./transport.ts";

export class DatagramClient {
  readonly #calls: OutstandingCalls;
  readonly #receiving: Promise<void>;

  /** Takes ownership of the socket, until {@link close}. */
  constructor(readonly socket: DatagramSocket, parts: ClientParts) {
    this.#calls = new OutstandingCalls(parts, (message, to) => socket.send(message, to));
    this.#receiving = socket.receive((data, from) => this.#calls.receive(data, from));
  }

  /**
   * Sends one call once and waits for its reply.
   *
   * @throws {RpcError} No reply in time, or a status other than SUCCESS.
   * @throws {TransportError} The call could not be sent, or the client was closed.
   */
  call<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    to: Endpoint,
    timeoutMs: number,
  ): Promise<Result<P[K]>> {
    return this.#calls.call(program, name, args, to, timeoutMs);
  }

  /** Rejects every outstanding call and closes the socket. */
  async close(): Promise<void> {
    this.#calls.failAll((to) => new TransportError("call", to, "the client was closed"));
    this.socket.close();
    await this.#receiving;
  }
}
