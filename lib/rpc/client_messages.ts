/**
 * RPC messages of a client: encodes calls, and decodes replies.
 *
 * Source: RFC 5531 sections 8 and 9.
 */

import { XdrError } from "../xdr/errors.ts";
import { XdrReader } from "../xdr/reader.ts";
import type { XdrWriter } from "../xdr/writer.ts";
import type { RpcFailure } from "./errors.ts";
import {
  AcceptStat,
  MsgType,
  RejectStat,
  reply_body,
  ReplyStat,
  writeCallHeader,
} from "./message.ts";
import type { Args, Procedure, Procedures, Program, Result } from "./program.ts";

/** Length of the usual reply_body, all zeros: MSG_ACCEPTED, AUTH_NONE without a body, SUCCESS. */
const SUCCESS_BYTES = 16;

/**
 * Encodes one call message.
 *
 * @throws {XdrError} When the arguments have no encoding.
 */
export function writeCall<P extends Procedures, K extends keyof P & string>(
  writer: XdrWriter,
  program: Program<P>,
  name: K,
  args: Args<P[K]>,
  xid: number,
): void {
  const procedure: Procedure = program.procedures[name]!;
  writeCallHeader(writer, xid, program.number, program.version, procedure.number);
  procedure.args.encode(writer, args);
}

/** Decoded reply: the result, or the failure. */
export type Reply<T> =
  | { readonly ok: true; readonly result: T }
  | { readonly ok: false; readonly failure: RpcFailure };

/** Decodes a reply message up to its xid; undefined if the bytes are no reply. */
export function readXid(reader: XdrReader): number | undefined {
  try {
    const xid = reader.uint("rpc_msg");
    return reader.int("rpc_msg") === MsgType.REPLY ? xid : undefined;
  } catch (error) {
    if (error instanceof XdrError) return undefined;
    throw error;
  }
}

/** Decodes the part of a reply message after the xid. */
export function readReply<R extends Procedure>(procedure: R, reader: XdrReader): Reply<Result<R>> {
  const failed = (failure: RpcFailure) => ({ ok: false, failure }) as const;
  try {
    if (reader.skipZeros(SUCCESS_BYTES)) {
      return { ok: true, result: procedure.result.decode(reader) as Result<R> };
    }
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
