/** Single RPC messages, as a client writes and reads them. */

import { readReply, readXid, type Reply, writeCall } from "../../lib/rpc/client_messages.ts";
import type { Args, Procedure, Procedures, Program, Result } from "../../lib/rpc/program.ts";
import { XdrReader } from "../../lib/xdr/reader.ts";
import { XdrWriter } from "../../lib/xdr/writer.ts";

export type { Reply };

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
  writeCall(writer, program, name, args, xid);
  return writer.bytes();
}

/** The xid of a reply message; nothing if the bytes are no reply. */
export function replyXid(message: Uint8Array): number | undefined {
  return readXid(new XdrReader(message));
}

/** Decodes a reply message, whose xid was looked at before, to a call of the given procedure. */
export function decodeReply<R extends Procedure>(
  procedure: R,
  message: Uint8Array,
): Reply<Result<R>> {
  const reader = new XdrReader(message);
  readXid(reader);
  return readReply(procedure, reader);
}
