/**
 * Encoder of reply messages. All share one buffer; each result is a copy.
 *
 * Source: RFC 5531 section 9.
 */

import type { XdrType } from "../xdr/types.ts";
import { XdrWriter } from "../xdr/writer.ts";
import { authNone } from "./auth.ts";
import {
  AcceptStat,
  MsgType,
  RejectStat,
  reply_header,
  type ReplyBody,
  type ReplyData,
  ReplyStat,
  RPC_VERSION,
} from "./message.ts";

export class ReplyEncoder {
  readonly #writer = new XdrWriter();

  /**
   * SUCCESS, with the result.
   *
   * @throws {XdrError} When the result has no encoding in its type.
   */
  success<T>(xid: number, type: XdrType<T>, result: T): Uint8Array<ArrayBuffer> {
    this.#header(xid, SUCCESS);
    type.encode(this.#writer, result);
    return this.#writer.bytes();
  }

  /** PROG_MISMATCH, with the lowest and the highest version served. */
  versionMismatch(xid: number, low: number, high: number): Uint8Array<ArrayBuffer> {
    this.#header(xid, accepted({ stat: AcceptStat.PROG_MISMATCH, body: { low, high } }));
    return this.#writer.bytes();
  }

  /** Any other failure of an accepted call. */
  failure(xid: number, stat: FailureStat): Uint8Array<ArrayBuffer> {
    this.#header(xid, accepted({ stat, body: undefined }));
    return this.#writer.bytes();
  }

  /** RPC_MISMATCH, with the only RPC version that we speak. */
  rpcMismatch(xid: number): Uint8Array<ArrayBuffer> {
    const body = { low: RPC_VERSION, high: RPC_VERSION };
    this.#header(xid, {
      stat: ReplyStat.MSG_DENIED,
      body: { stat: RejectStat.RPC_MISMATCH, body },
    });
    return this.#writer.bytes();
  }

  /** AUTH_ERROR, with an `auth_stat`. */
  authError(xid: number, stat: number): Uint8Array<ArrayBuffer> {
    this.#header(xid, {
      stat: ReplyStat.MSG_DENIED,
      body: { stat: RejectStat.AUTH_ERROR, body: stat },
    });
    return this.#writer.bytes();
  }

  #header(xid: number, body: ReplyBody): void {
    this.#writer.reset();
    reply_header.encode(this.#writer, { xid, mtype: MsgType.REPLY, body });
  }
}

/** Failures without a body. */
type FailureStat = Exclude<
  ReplyData["stat"],
  typeof AcceptStat.SUCCESS | typeof AcceptStat.PROG_MISMATCH
>;

function accepted(reply_data: ReplyData): ReplyBody {
  return { stat: ReplyStat.MSG_ACCEPTED, body: { verf: authNone, reply_data } };
}

const SUCCESS = accepted({ stat: AcceptStat.SUCCESS, body: undefined });
