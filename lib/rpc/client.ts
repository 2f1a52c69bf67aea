/**
 * The client's side of RPC, whatever carries it: one attempt of one call. When to try again, where
 * and how often is the business of whoever calls. Bytes left over after the results are ignored.
 *
 * Xids are random, so that somebody who cannot see the call cannot answer it. Xid 0 is as good as any.
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
import type { Endpoint, StartTimer } from "./transport.ts";

/** What a client needs from outside. */
export interface ClientParts {
  readonly startTimer: StartTimer;
  /** An unpredictable unsigned 32-bit number. */
  readonly randomXid: () => number;
}

/**
 * Encodes one call message.
 *
 * @throws {XdrError} When the arguments have no encoding.
 */
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

/** Decodes a reply message, whose xid was looked at before, to a call of the given procedure. */
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

/** A call that was sent and has no reply yet. */
export interface Outstanding {
  readonly to: Endpoint;
  /** Takes the reply message, which belongs to the call from here on, or why there will be none. */
  settle(outcome: Uint8Array | Error): void;
}

/** The calls of one client that wait for their replies. */
export class OutstandingCalls {
  readonly #calls = new Map<number, Outstanding>();

  constructor(readonly parts: ClientParts) {}

  /**
   * Sends one call once and waits until it is settled.
   *
   * @throws {RpcError} No reply in time, or another one than SUCCESS.
   * @throws {XdrError} When the arguments have no encoding; nothing was sent then.
   * @throws Whatever `send` rejected with, or the call was settled with.
   */
  async call<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    to: Endpoint,
    timeoutMs: number,
    send: (message: Uint8Array<ArrayBuffer>) => Promise<void>,
  ): Promise<Result<P[K]>> {
    const xid = this.#freeXid();
    const message = encodeCall(program, name, args, xid);
    const outcome = await new Promise<Uint8Array | Error>((resolve) => {
      const cancelTimer = this.parts.startTimer(timeoutMs, () => {
        call.settle(new RpcError(name, to, { kind: "timeout", elapsedMs: timeoutMs }));
      });
      const call: Outstanding = {
        to,
        settle: (outcome) => {
          if (this.#calls.get(xid) !== call) return;
          this.#calls.delete(xid);
          cancelTimer();
          resolve(outcome);
        },
      };
      this.#calls.set(xid, call);
      send(message).catch(call.settle);
    });
    if (outcome instanceof Error) throw outcome;
    const reply = decodeReply(program.procedures[name]!, outcome);
    if (!reply.ok) throw new RpcError(name, to, reply.failure);
    return reply.result;
  }

  /** The call that a message is the reply to, going by its xid alone. */
  answeredBy(message: Uint8Array): Outstanding | undefined {
    const xid = replyXid(message);
    return xid === undefined ? undefined : this.#calls.get(xid);
  }

  /** Settles every call with the error that `reason` makes for it. */
  failAll(reason: (to: Endpoint) => Error): void {
    for (const call of [...this.#calls.values()]) call.settle(reason(call.to));
  }

  #freeXid(): number {
    for (;;) {
      const xid = this.parts.randomXid();
      if (!this.#calls.has(xid)) return xid;
    }
  }
}
