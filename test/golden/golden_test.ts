/** What must be true of every golden exchange, in both directions and for damaged copies of it. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { authNone, authsys_parms, type OpaqueAuth } from "../../lib/rpc/auth.ts";
import { decodeReply, encodeCall, type Reply, replyXid } from "../support/rpc_messages.ts";
import { dispatcher, service, type Verdict } from "../../lib/rpc/dispatch.ts";
import { call_header, reply_header } from "../../lib/rpc/message.ts";
import type { Handlers, Procedure, Program } from "../../lib/rpc/program.ts";
import { RecordParser, toRecord } from "../../lib/rpc/record.ts";
import type { Caller } from "../../lib/rpc/transport.ts";
import { XdrError } from "../../lib/xdr/errors.ts";
import { XdrReader } from "../../lib/xdr/reader.ts";
import { fromBytes, toBytes } from "../../lib/xdr/types.ts";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { toHex } from "../support/hex.ts";
import type { Exchange, Failure } from "./exchange.ts";
import { failures } from "./failures.ts";
import { freebsd } from "./freebsd.ts";
import { ganesha } from "./ganesha.ts";
import { lockd } from "./lockd.ts";
import { lookUps } from "./look_ups.ts";
import { notices } from "./notices.ts";
import { registrations } from "./registrations.ts";
import { status } from "./status.ts";

const exchanges: readonly Exchange[] = [
  ...lockd,
  ...ganesha,
  ...freebsd,
  ...notices,
  ...status,
  ...lookUps,
  ...registrations,
];

const pure = { permissions: "none" } as const;
const caller: Caller = { address: "127.0.0.1", port: 700, netid: "udp", isLocal: true };

/** The records of a stream that arrives in pieces of the given length. */
function records(stream: Uint8Array, pieceLength: number): Uint8Array[] {
  const parser = new RecordParser(4096);
  const found: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += pieceLength) {
    parser.push(stream.slice(at, at + pieceLength), (record) => found.push(record));
  }
  assertEquals(parser.isInsideRecord, false);
  return found;
}

/** The message in a packet: what is in its record, or the packet itself. */
function message(packet: Uint8Array, framing: "record" | "datagram"): Uint8Array {
  if (framing === "datagram") return packet;
  const [record, ...more] = records(packet, packet.length);
  assertEquals(more, []);
  return record!;
}

/** Each copy of some bytes with one byte changed: each bit flipped, and all of them. */
function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
      const copy = bytes.slice();
      copy[at] = bytes[at]! ^ mask;
      yield copy;
    }
  }
}

/** Serves one procedure of a program; the others fail. */
function server(
  table: Program,
  procedure: string,
  handle: (args: unknown) => unknown,
  verdict: Verdict = "accept",
) {
  const broken = () => {
    throw new Error("broken");
  };
  const handlers = Object.fromEntries(
    Object.keys(table.procedures).map((name) => [name, name === procedure ? handle : broken]),
  ) as Handlers<Program>;
  return dispatcher([service(table, handlers)], {
    access: () => verdict,
    handlerFailed() {},
    garbage() {},
  });
}

/** Takes a call apart without dispatch: header, then arguments. */
function decodeCall(procedure: Procedure, call: Uint8Array) {
  const reader = new XdrReader(call);
  const header = call_header.decode(reader);
  const headerBytes = reader.offset;
  const args = procedure.args.decode(reader);
  return { header, headerBytes, args, surplus: reader.remaining };
}

/** Does what may throw XdrError and nothing else; tells whether it went well. */
function decodes(decode: () => void): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof XdrError) return false;
    throw error;
  }
}

for (const exchanged of exchanges) {
  const { framing, program, xid, args, result, surplus = 0 } = exchanged;
  const procedure = program.procedures[exchanged.procedure]!;
  const call = message(exchanged.call, framing);
  const reply = message(exchanged.reply, framing);
  const needed = call.length - surplus;
  const { name, source } = exchanged;

  Deno.test(`${name}: encodes to these bytes`, pure, () => {
    if (exchanged.credential === undefined) {
      const encoded = encodeCall(program, exchanged.procedure, args, xid);
      assertEquals(toHex(encoded), toHex(call.subarray(0, needed)), source);
      if (framing === "record") assertEquals(toRecord(encoded), exchanged.call);
    } else {
      const body = toBytes(authsys_parms, exchanged.credential);
      const cred: OpaqueAuth = { flavor: 1, body };
      const { header } = decodeCall(procedure, call);
      const encoded = toBytes(call_header, { ...header, body: { ...header.body, cred } });
      const encodedArgs = toBytes(procedure.args, args);
      assertEquals(
        toHex(new Uint8Array([...encoded, ...encodedArgs])),
        toHex(call.slice(0, needed)),
      );
    }
  });

  Deno.test(`${name}: decodes to these values`, pure, () => {
    const { header, ...decoded } = decodeCall(procedure, call);
    assertEquals([decoded.args, decoded.surplus], [args, surplus]);
    assertEquals([header.xid, header.mtype, header.rpcvers], [xid, 0, 2]);
    const { prog, vers, proc, cred, verf } = header.body;
    assertEquals([prog, vers, proc], [program.number, program.version, procedure.number]);
    assertEquals(verf, authNone);
    const { credential } = exchanged;
    if (credential === undefined) assertEquals(cred, authNone);
    else assertEquals(authsys_parms.decode(new XdrReader(cred.body)), credential);
  });

  Deno.test(`${name}: is served with this reply`, pure, () => {
    const seen: unknown[] = [];
    const respond = server(program, exchanged.procedure, (args) => {
      seen.push(args);
      return result;
    });
    assertEquals(toHex(respond(call, caller) as Uint8Array), toHex(reply), source);
    assertEquals(seen, [args]);
    assertEquals(replyXid(reply), xid);
    assertEquals(decodeReply(procedure, reply), { ok: true, result } as Reply<unknown>);
  });

  Deno.test(`${name}: does not decode where it breaks off`, pure, () => {
    const respond = server(program, exchanged.procedure, () => result);
    const { headerBytes } = decodeCall(procedure, call);
    for (let length = 0; length < needed; length++) {
      const prefix = call.slice(0, length);
      assertThrows(() => decodeCall(procedure, prefix), XdrError);
      const answer = respond(prefix, caller) as Uint8Array | undefined;
      // GARBAGE_ARGS once it is known whom to tell, silence before.
      assertEquals(answer?.at(-1), length < headerBytes ? undefined : 4, `${length} bytes`);
    }
    for (let length = 0; length < reply.length; length++) {
      const decoded = decodeReply(procedure, reply.slice(0, length));
      assertEquals(decoded.ok ? "ok" : decoded.failure.kind, "protocol", `${length} bytes`);
    }
  });

  Deno.test(`${name}: decodes or throws XdrError with any byte changed`, pure, () => {
    const respond = server(program, exchanged.procedure, () => result);
    let bad = 0;
    for (const copy of damaged(call)) {
      if (!decodes(() => decodeCall(procedure, copy))) bad++;
      const answer = respond(copy, caller) as Uint8Array | undefined;
      if (answer !== undefined) fromBytes(reply_header, answer);
    }
    assert(bad > 0);
    for (const copy of damaged(reply)) {
      replyXid(copy);
      decodeReply(procedure, copy);
    }
  });
}

function failure({ name, source, framing, server: behaviour, ...packets }: Failure) {
  const call = message(packets.call, framing);
  const reply = message(packets.reply, framing);

  Deno.test(`${name}: gets this reply`, pure, () => {
    const served = behaviour === "throws" ? "SM_STAT" : "SM_NULL";
    const verdict = behaviour === "denies" ? "deny" : "accept";
    const respond = server(nsmV1, served, () => {}, verdict);
    assertEquals(toHex(respond(call, caller) as Uint8Array), toHex(reply), source);
    assertEquals(decodeReply(nsmV1.procedures.SM_STAT, reply), {
      ok: false,
      failure: packets.failure,
    });
  });
}
failures.forEach(failure);

Deno.test("golden packets come out of the record parser in pieces of any length", pure, () => {
  for (const { call, reply, framing } of [...exchanges, ...failures]) {
    for (const packet of [call, reply]) {
      const record = framing === "record" ? packet : toRecord(packet);
      const expected = [message(record, "record")];
      for (const pieceLength of [1, 2, 3, 4, 5, 7, record.length]) {
        assertEquals(records(record, pieceLength), expected);
      }
    }
  }
});
