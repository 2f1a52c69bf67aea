/**
 * RPC messages, declared once for server and client. Arguments of a call, and results of a
 * successful reply, follow their header directly.
 *
 * ```
 * call:   xid, CALL = 0, rpcvers = 2, prog, vers, proc, cred, verf, arguments
 * reply:  xid, REPLY = 1, MSG_ACCEPTED = 0, verf, accept_stat, results or mismatch_info
 *         xid, REPLY = 1, MSG_DENIED = 1, RPC_MISMATCH = 0, mismatch_info
 *         xid, REPLY = 1, MSG_DENIED = 1, AUTH_ERROR = 1, auth_stat
 * ```
 *
 * Source: RFC 5531 section 9.
 */

import { struct } from "../xdr/struct.ts";
import { int, nothing, type Static, uint } from "../xdr/types.ts";
import { union } from "../xdr/union.ts";
import type { XdrWriter } from "../xdr/writer.ts";
import { opaque_auth } from "./auth.ts";

export const RPC_VERSION = 2;

/** enum msg_type */
export const MsgType = { CALL: 0, REPLY: 1 } as const;
/** enum reply_stat */
export const ReplyStat = { MSG_ACCEPTED: 0, MSG_DENIED: 1 } as const;
/** enum accept_stat */
export const AcceptStat = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const;
/** enum reject_stat */
export const RejectStat = { RPC_MISMATCH: 0, AUTH_ERROR: 1 } as const;
/** enum auth_stat, without the values that we never send */
export const AuthStat = {
  AUTH_BADCRED: 1,
  AUTH_REJECTEDCRED: 2,
  AUTH_TOOWEAK: 5,
  AUTH_FAILED: 7,
} as const;

/** First words of every message: `xid`, `mtype`. */
export const message_start = struct("rpc_msg", { xid: uint, mtype: int });

/** Rest of a call's header, if `rpcvers` is 2. */
export const call_body = struct("call_body", {
  prog: uint,
  vers: uint,
  proc: uint,
  cred: opaque_auth,
  verf: opaque_auth,
});

/** Whole header of a call. */
export const call_header = struct("rpc_msg", {
  xid: uint,
  mtype: int,
  rpcvers: uint,
  body: call_body,
});

/** Encodes a {@link call_header} with AUTH_NONE word by word, since our client sends it most often. */
export function writeCallHeader(
  writer: XdrWriter,
  xid: number,
  prog: number,
  vers: number,
  proc: number,
): void {
  writer.word(xid);
  writer.word(MsgType.CALL);
  writer.word(RPC_VERSION);
  writer.word(prog);
  writer.word(vers);
  writer.word(proc);
  // AUTH_NONE with an empty body, twice: credential and verifier
  for (let i = 0; i < 4; i++) writer.word(0);
}

/** Lowest and highest version served. */
const mismatch_info = struct("mismatch_info", { low: uint, high: uint });

const accepted_reply = struct("accepted_reply", {
  verf: opaque_auth,
  reply_data: union("reply_data", "stat", {
    [AcceptStat.SUCCESS]: nothing,
    [AcceptStat.PROG_UNAVAIL]: nothing,
    [AcceptStat.PROG_MISMATCH]: mismatch_info,
    [AcceptStat.PROC_UNAVAIL]: nothing,
    [AcceptStat.GARBAGE_ARGS]: nothing,
    [AcceptStat.SYSTEM_ERR]: nothing,
  }),
});

const rejected_reply = union("rejected_reply", "stat", {
  [RejectStat.RPC_MISMATCH]: mismatch_info,
  [RejectStat.AUTH_ERROR]: int,
});

/** `union reply_body switch (reply_stat stat)` */
export const reply_body = union("reply_body", "stat", {
  [ReplyStat.MSG_ACCEPTED]: accepted_reply,
  [ReplyStat.MSG_DENIED]: rejected_reply,
});
export type ReplyBody = Static<typeof reply_body>;
/** Body of an accepted reply: the status, and the versions after PROG_MISMATCH. */
export type ReplyData = Static<typeof accepted_reply>["reply_data"];

/** Whole header of a reply; results follow if it says SUCCESS. */
export const reply_header = struct("rpc_msg", { xid: uint, mtype: int, body: reply_body });
