/**
 * The client's side of RPC: one attempt of one call. When to try again, where and how often is the
 * business of whoever calls.
 *
 * A reply counts only if its xid *and* its source match the call; xids are random, so that somebody
 * who cannot see the call cannot answer it. Xid 0 is as good as any.
 *
 * Source: RFC 5531 sections 8 and 9.
 */

import { XdrError } from "../xdr/errors.ts";
import { XdrReader } from "../xdr/reader.ts";
import { XdrWriter } from "../xdr/writer.ts";
import { authNone } from "./auth.ts";
import { RpcError, type RpcFailure } from "./errors.ts";
import {
  AcceptStat,
  call_header,
  message_start,
  MsgType,
  RejectStat,
  reply_body,
  ReplyStat,
  RPC_VERSION,
} from "./message.ts";
import type { Args, Procedure, Procedures, Program, Result } from "./program.ts";
import { RecordError, RecordParser, toRecord } from "./record.ts";
import {
  type Connect,
  type DatagramSocket,
  type Endpoint,
  type StartTimer,
  type StreamConnection,
  TransportError,
  withoutScope,
} from "./transport.ts";

/** Longest reply record taken from a stream, in bytes; the longest result here is below 2 KiB. */
const REPLY_MAX_BYTES = 64 * 1024;
const READ_BUFFER_BYTES = 4096;

/** What a client needs from outside. */
export interface ClientParts {
  readonly startTimer: StartTimer;
  /** An unpredictable unsigned 32-bit number. */
  readonly randomXid: () => number;
}

/** Encodes one call message. */
export function encodeCall<P extends Procedures, K extends keyof P & string>(
  program: Program<P>,
  name: K,
  args: Args<P[K]>,
  xid: number,
): Uint8Array<ArrayBuffer> {
  const writer = new XdrWriter();
  const procedure: Procedure = program.procedures[name]!;
  call_header.encode(writer, {
    xid,
    mtype: MsgType.CALL,
    rpcvers: RPC_VERSION,
    body: {
      prog: program.number,
      vers: program.version,
      proc: procedure.number,
      cred: authNone,
      verf: authNone,
    },
  });
  procedure.args.encode(writer, args);
  return writer.bytes();
}

/** What a reply message holds: the result, or why there is none. */
export type Reply<T> =
  | { readonly ok: true; readonly result: T }
  | { readonly ok: false; readonly failure: RpcFailure };

/** The xid of a reply message; nothing if the bytes are no reply. */
export function replyXid(message: Uint8Array): number | undefined {
  try {
    const { xid, mtype } = message_start.decode(new XdrReader(message));
    return mtype === MsgType.REPLY ? xid : undefined;
  } catch (error) {
    if (error instanceof XdrError) return undefined;
    throw error;
  }
}

/** Decodes a reply message to a call of the given procedure. */
export function decodeReply<R extends Procedure>(
  procedure: R,
  message: Uint8Array,
): Reply<Result<R>> {
  const failed = (failure: RpcFailure) => ({ ok: false, failure }) as const;
  try {
    const reader = new XdrReader(message);
    message_start.decode(reader);
    const reply = reply_body.decode(reader);
    if (reply.stat === ReplyStat.MSG_DENIED) {
      const { stat, body } = reply.body;
      const detail = stat === RejectStat.RPC_MISMATCH
        ? `it speaks RPC versions ${body.low} to ${body.high}`
        : `authentication status ${body}`;
      return failed({ kind: "denied", stat, detail });
    }
    const { stat, body } = reply.body.reply_data;
    if (stat === AcceptStat.SUCCESS) {
      return { ok: true, result: procedure.result.decode(reader) as Result<R> };
    }
    return failed({ kind: "accepted", stat, ...body });
  } catch (error) {
    if (error instanceof XdrError) return failed({ kind: "protocol", reason: error.message });
    throw error;
  }
}

interface Outstanding {
  readonly to: Endpoint;
  /** Takes the reply message, or the reason why there will be none. */
  settle(outcome: Uint8Array | Error): void;
}

/** Any number of calls at once through one UDP socket. */
export class DatagramClient {
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #receiving: Promise<void>;

  /** The client owns the socket from here on; {@link close} closes it. */
  constructor(readonly socket: DatagramSocket, readonly parts: ClientParts) {
    this.#receiving = socket.receive((data, from) => this.#receive(data, from));
  }

  /**
   * Sends one call once and waits for its reply.
   *
   * @throws {RpcError} No reply in time, or another one than SUCCESS.
   * @throws {TransportError} The call could not be sent, or the client was closed.
   */
  async call<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    to: Endpoint,
    timeoutMs: number,
  ): Promise<Result<P[K]>> {
    const procedure = program.procedures[name]!;
    const xid = this.#freeXid();
    const message = encodeCall(program, name, args, xid);
    const outcome = await new Promise<Uint8Array | Error>((resolve) => {
      const settle = (outcome: Uint8Array | Error) => {
        if (!this.#outstanding.delete(xid)) return;
        cancelTimer();
        resolve(outcome);
      };
      const cancelTimer = this.parts.startTimer(timeoutMs, () => {
        settle(new RpcError(name, to, { kind: "timeout", elapsedMs: timeoutMs }));
      });
      this.#outstanding.set(xid, { to, settle });
      this.socket.send(message, to).catch(settle);
    });
    if (outcome instanceof Error) throw outcome;
    const reply = decodeReply(procedure, outcome);
    if (!reply.ok) throw new RpcError(name, to, reply.failure);
    return reply.result as Result<P[K]>;
  }

  /** Fails every outstanding call and closes the socket. */
  async close(): Promise<void> {
    for (const { to, settle } of [...this.#outstanding.values()]) {
      settle(new TransportError("call", to, "the client was closed"));
    }
    this.socket.close();
    await this.#receiving;
  }

  #freeXid(): number {
    for (;;) {
      const xid = this.parts.randomXid();
      if (!this.#outstanding.has(xid)) return xid;
    }
  }

  #receive(data: Uint8Array, from: Endpoint): void {
    const xid = replyXid(data);
    if (xid === undefined) return;
    const call = this.#outstanding.get(xid);
    if (call === undefined || call.to.port !== from.port) return;
    if (withoutScope(call.to.address) !== withoutScope(from.address)) return;
    call.settle(data.slice());
  }
}

/**
 * Makes one call over a connection of its own.
 *
 * @throws {RpcError} No reply in time, or another one than SUCCESS.
 * @throws {TransportError} The connection could not be made, or broke.
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
  const procedure = program.procedures[name]!;
  const xid = parts.randomXid();
  const record = toRecord(encodeCall(program, name, args, xid));
  const limit = new AbortController();
  let connection: StreamConnection | undefined;
  const cancelTimer = parts.startTimer(timeoutMs, () => {
    limit.abort();
    connection?.close();
  });
  try {
    connection = await connect(to, limit.signal);
    await connection.write(record);
    const message = await readReply(connection, xid);
    const reply = decodeReply(procedure, message);
    if (!reply.ok) throw new RpcError(name, to, reply.failure);
    return reply.result as Result<P[K]>;
  } catch (error) {
    if (limit.signal.aborted) {
      throw new RpcError(name, to, { kind: "timeout", elapsedMs: timeoutMs });
    }
    if (error instanceof RecordError) {
      throw new RpcError(name, to, { kind: "protocol", reason: error.message });
    }
    throw error;
  } finally {
    cancelTimer();
    connection?.close();
  }
}

/** Reads until the reply with the given xid is there. */
async function readReply(connection: StreamConnection, xid: number): Promise<Uint8Array> {
  const parser = new RecordParser(REPLY_MAX_BYTES);
  const buffer = new Uint8Array(READ_BUFFER_BYTES);
  let found: Uint8Array | undefined;
  while (found === undefined) {
    const length = await connection.read(buffer);
    if (length === null) throw new TransportError("call", connection.remote, "connection closed");
    parser.push(buffer.subarray(0, length), (record) => {
      if (replyXid(record) === xid) found = record;
    });
  }
  return found;
}
