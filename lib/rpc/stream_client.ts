/**
 * RPC client on a connection: any number of concurrent calls, matched by xid. A connection may stay
 * open between calls; its end then signals that a local service was restarted.
 *
 * Source: RFC 5531 sections 9 and 11.
 */

import { type ClientParts, OutstandingCalls } from "./client.ts";
import { RpcError } from "./errors.ts";
import type { Args, Procedures, Program, Result } from "./program.ts";
import { RecordParser, toRecord } from "./record.ts";
import { type Connect, type Endpoint, type StreamConnection, TransportError } from "./transport.ts";

/** Longest reply record, in bytes; our longest result is below 2 KiB. */
const REPLY_MAX_BYTES = 64 * 1024;
const READ_BUFFER_BYTES = 4096;

export class StreamClient {
  readonly #calls: OutstandingCalls;
  /** Settles when the connection has ended, for any reason; never rejects. */
  readonly closed: Promise<void>;

  /** Takes ownership of the connection, until {@link close}. */
  constructor(readonly connection: StreamConnection, parts: ClientParts) {
    this.#calls = new OutstandingCalls(parts, (message) => connection.write(toRecord(message)));
    this.closed = this.#receive();
  }

  /**
   * Makes one call.
   *
   * @throws {RpcError} No reply in time, or a status other than SUCCESS.
   * @throws {TransportError} The connection has ended, or received invalid records.
   */
  call<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    timeoutMs: number,
  ): Promise<Result<P[K]>> {
    return this.#calls.call(program, name, args, this.connection.remote, timeoutMs);
  }

  /** Closes the connection and rejects every outstanding call. */
  async close(): Promise<void> {
    this.connection.close();
    await this.closed;
  }

  async #receive(): Promise<void> {
    const parser = new RecordParser(REPLY_MAX_BYTES);
    const buffer = new Uint8Array(READ_BUFFER_BYTES);
    let cause: unknown = "the connection was closed";
    try {
      for (;;) {
        const length = await this.connection.read(buffer);
        if (length === null) break;
        parser.push(buffer.subarray(0, length), (record) => this.#calls.receive(record));
      }
    } catch (error) {
      cause = error;
    }
    this.connection.close();
    this.#calls.failAll((to) => new TransportError("call", to, cause));
  }
}

/**
 * Makes one call over a connection of its own. The timeout covers connecting and calling.
 *
 * @throws {RpcError} No reply in time, or a status other than SUCCESS.
 * @throws {TransportError} The connection failed.
 */
export async function callOverStream<P extends Procedures, K extends keyof P & string>(
  connect: Connect,
  parts: ClientParts,
  program: Program<P>,
  name: K,
  args: Args<P[K]>,
  to: Endpoint,
  timeoutMs: number,
): Promise<Result<P[K]>> {
  const limit = new AbortController();
  const cancelTimer = parts.startTimer(timeoutMs, () => limit.abort());
  let client: StreamClient | undefined;
  try {
    client = new StreamClient(await connect(to, limit.signal), parts);
    limit.signal.throwIfAborted();
    limit.signal.addEventListener("abort", () => client?.connection.close());
    return await client.call(program, name, args, timeoutMs);
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    throw new RpcError(name, to, { kind: "timeout", elapsedMs: timeoutMs });
  } finally {
    cancelTimer();
    await client?.close();
  }
}
