/**
 * The server's side of RPC: call bytes and a caller go in, reply bytes or nothing come out.
 *
 * It is decided in this order: not a call (silence), RPC version (RPC_MISMATCH), credentials
 * (AUTH_ERROR), program (PROG_UNAVAIL), version (PROG_MISMATCH), procedure (PROC_UNAVAIL), access,
 * arguments (GARBAGE_ARGS), handler. Bytes left over after the arguments are ignored, as the common C
 * library does and FreeBSD's kernel needs (its SM_UNMON has 16 of them).
 *
 * Source: RFC 5531 sections 8 and 9.
 */

import { XdrError } from "../xdr/errors.ts";
import { XdrReader } from "../xdr/reader.ts";
import { type Static, uint, type XdrType } from "../xdr/types.ts";
import { XdrWriter } from "../xdr/writer.ts";
import { acceptedCredentials, authNone, type OpaqueAuth } from "./auth.ts";
import {
  AcceptStat,
  AuthStat,
  call_body,
  message_start,
  MsgType,
  type RejectedReply,
  RejectStat,
  reply_header,
  type ReplyBody,
  type ReplyData,
  ReplyStat,
  RPC_VERSION,
} from "./message.ts";
import type { Handlers, Procedure, Program, Refusals } from "./program.ts";
import type { Caller, Respond } from "./transport.ts";

/**
 * What the access rule says of a call: `accept` it; `refuse` it with the procedure's own negative
 * result; `deny` it with AUTH_ERROR; `ignore` it without a reply.
 */
export type Verdict = "accept" | "refuse" | "deny" | "ignore";

/** What the surroundings decide for dispatch, and what they are told. */
export interface DispatchHooks {
  /** The access rule: one answer for one procedure of one program version and one caller. */
  access(procedure: Procedure, name: string, caller: Caller): Verdict;
  /** A handler threw: a bug or a broken part; the caller was told SYSTEM_ERR. */
  handlerFailed(name: string, caller: Caller, error: unknown): void;
  /** Arguments did not decode; the caller was told GARBAGE_ARGS. */
  garbage(name: string, caller: Caller, error: XdrError): void;
}

type Handler = (args: unknown, caller: Caller) => unknown;

interface Entry {
  readonly name: string;
  readonly procedure: Procedure;
  readonly handler: Handler;
  readonly refusal: (() => unknown) | undefined;
}

/** A program version together with the functions that serve it. */
export interface Service {
  readonly program: Program;
  readonly entries: ReadonlyMap<number, Entry>;
}

/** Joins a program's table with its handlers; the compiler demands one for each row. */
export function service<T extends Program>(
  served: T,
  handlers: Handlers<T>,
  refusals: Refusals<T>,
): Service {
  const handlerOf = handlers as Readonly<Record<string, Handler>>;
  const refusalOf = refusals as Readonly<Record<string, () => unknown>>;
  const entries = new Map<number, Entry>();
  for (const [name, procedure] of Object.entries(served.procedures)) {
    const handler = handlerOf[name]!;
    entries.set(procedure.number, { name, procedure, handler, refusal: refusalOf[name] });
  }
  return { program: served, entries };
}

/** Makes the function that answers the calls to a set of services. */
export function dispatcher(services: readonly Service[], hooks: DispatchHooks): Respond {
  const programs = new Map<number, Map<number, Service>>();
  for (const one of services) {
    const versions = programs.get(one.program.number) ?? new Map<number, Service>();
    versions.set(one.program.version, one);
    programs.set(one.program.number, versions);
  }
  const writer = new XdrWriter();

  /** Encodes a reply into the one buffer that all replies are made in. */
  const reply = <T>(xid: number, body: ReplyBody, type?: XdrType<T>, result?: T): Uint8Array => {
    writer.reset();
    reply_header.encode(writer, { xid, mtype: MsgType.REPLY, body });
    type?.encode(writer, result as T);
    return writer.bytes();
  };
  const accepted = (xid: number, reply_data: ReplyData) =>
    reply(xid, { stat: ReplyStat.MSG_ACCEPTED, body: { verf: authNone, reply_data } });
  const denied = (xid: number, body: RejectedReply) =>
    reply(xid, { stat: ReplyStat.MSG_DENIED, body });
  const authError = (xid: number, stat: number) =>
    denied(xid, { stat: RejectStat.AUTH_ERROR, body: stat });
  const success = (xid: number, entry: Entry, result: unknown) =>
    reply(xid, SUCCESS_BODY, entry.procedure.result, result);

  const run = (xid: number, entry: Entry, args: unknown, caller: Caller) => {
    const failed = (error: unknown) => {
      hooks.handlerFailed(entry.name, caller, error);
      return accepted(xid, { stat: AcceptStat.SYSTEM_ERR, body: undefined });
    };
    try {
      const result = entry.handler(args, caller);
      if (!(result instanceof Promise)) return success(xid, entry, result);
      return result.then((value) => success(xid, entry, value)).catch(failed);
    } catch (error) {
      return failed(error);
    }
  };

  return (call, caller) => {
    const reader = new XdrReader(call);
    const header = readHeader(reader);
    if (header === undefined) return undefined;
    const { xid, body } = header;
    if (body === undefined) {
      const versions = { low: RPC_VERSION, high: RPC_VERSION };
      return denied(xid, { stat: RejectStat.RPC_MISMATCH, body: versions });
    }
    const credentialError = checkCredential(body.cred);
    if (credentialError !== undefined) return authError(xid, credentialError);
    const versions = programs.get(body.prog);
    if (versions === undefined) {
      return accepted(xid, { stat: AcceptStat.PROG_UNAVAIL, body: undefined });
    }
    const served = versions.get(body.vers);
    if (served === undefined) {
      const numbers = [...versions.keys()];
      const range = { low: Math.min(...numbers), high: Math.max(...numbers) };
      return accepted(xid, { stat: AcceptStat.PROG_MISMATCH, body: range });
    }
    const entry = served.entries.get(body.proc);
    if (entry === undefined) {
      return accepted(xid, { stat: AcceptStat.PROC_UNAVAIL, body: undefined });
    }
    switch (hooks.access(entry.procedure, entry.name, caller)) {
      case "ignore":
        return undefined;
      case "deny":
        return authError(xid, AuthStat.AUTH_FAILED);
      case "refuse":
        return entry.refusal === undefined
          ? authError(xid, AuthStat.AUTH_FAILED)
          : success(xid, entry, entry.refusal());
      case "accept":
    }
    let args: unknown;
    try {
      args = entry.procedure.args.decode(reader);
    } catch (error) {
      if (!(error instanceof XdrError)) throw error;
      hooks.garbage(entry.name, caller, error);
      return accepted(xid, { stat: AcceptStat.GARBAGE_ARGS, body: undefined });
    }
    return run(xid, entry, args, caller);
  };
}

const SUCCESS_BODY: ReplyBody = {
  stat: ReplyStat.MSG_ACCEPTED,
  body: { verf: authNone, reply_data: { stat: AcceptStat.SUCCESS, body: undefined } },
};

/** A call's xid, and its body where the RPC version is ours; nothing if it is no call at all. */
function readHeader(
  reader: XdrReader,
): { xid: number; body: Static<typeof call_body> | undefined } | undefined {
  try {
    const { xid, mtype } = message_start.decode(reader);
    if (mtype !== MsgType.CALL) return undefined;
    const rpcvers = uint.decode(reader);
    return { xid, body: rpcvers === RPC_VERSION ? call_body.decode(reader) : undefined };
  } catch (error) {
    if (error instanceof XdrError) return undefined;
    throw error;
  }
}

/** The auth_stat to deny a credential with, or nothing if its form is acceptable. */
function checkCredential(cred: OpaqueAuth): number | undefined {
  const bodyType = acceptedCredentials.get(cred.flavor);
  if (bodyType === undefined) return AuthStat.AUTH_REJECTEDCRED;
  try {
    bodyType.decode(new XdrReader(cred.body));
    return undefined;
  } catch (error) {
    if (error instanceof XdrError) return AuthStat.AUTH_BADCRED;
    throw error;
  }
}
