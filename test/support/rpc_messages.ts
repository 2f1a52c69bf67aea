/** Single RPC messages, encoded and decoded like by a client. */

import { readReply, readXid, type Reply, writeCall } from "../../lib/rpc/client_messages.ts";
import type { Args, Procedure, Procedures, Program, Result } from "../../lib/rpc/program.ts";
import { XdrReader } from "../../lib/xdr/reader.ts";
import { XdrWriter } from "../../lib/xdr/writer.ts";

export type { Reply };

/**
 * Encodes a call message.
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
  writeCall(writer, program, name, args, xid);
  return writer.bytes();
}

/** xid of a reply message; undefined if the bytes are no reply. */
export function replyXid(message: Uint8Array): number | undefined {
  return readXid(new XdrReader(message));
}

/** Decodes the reply to a call of the given procedure; the xid is skipped. */
export function decodeReply<R extends Procedure>(
  procedure: R,
  message: Uint8Array,
): Reply<Result<R>> {
  const reader = new XdrReader(message);
  readXid(reader);
  return readReply(procedure, reader);
}
