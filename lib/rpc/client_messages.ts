/**
 * Messages of RPC as a client writes and reads them: a call, and what a reply to it says.
 *
 * Source: RFC 5531 sections 8 and 9.
 */

import { XdrError } from "../xdr/errors.ts";
import { XdrReader } from "../xdr/reader.ts";
import type { XdrWriter } from "../xdr/writer.ts";
import type { RpcFailure } from "./errors.ts";
import {
  AcceptStat,
  message_start,
  MsgType,
  RejectStat,
  reply_body,
  ReplyStat,
  writeCallHeader,
} from "./message.ts";
import type { Args, Procedure, Procedures, Program, Result } from "./program.ts";

/**
 * Writes one call message.
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

/** Decoded reply: the result, or why there is none. */
export type Reply<T> =
  | { readonly ok: true; readonly result: T }
  | { readonly ok: false; readonly failure: RpcFailure };

/** Reads up to the xid of a reply message and returns it; nothing if the bytes are no reply. */
export function readXid(reader: XdrReader): number | undefined {
  try {
    const { xid, mtype } = message_start.decode(reader);
    return mtype === MsgType.REPLY ? xid : undefined;
  } catch (error) {
    if (error instanceof XdrError) return undefined;
    throw error;
  }
}

/** Reads what is behind the xid of a reply message to a call of a procedure. */
export function readReply<R extends Procedure>(procedure: R, reader: XdrReader): Reply<Result<R>> {
  const failed = (failure: RpcFailure) => ({ ok: false, failure }) as const;
  try {
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
