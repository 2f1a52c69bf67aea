/**
 * RPC server dispatch: from call bytes and a caller to reply bytes, or no reply.
 *
 * Checks, in order: not a call (silence), RPC version (RPC_MISMATCH), credentials (AUTH_ERROR),
 * program (PROG_UNAVAIL), version (PROG_MISMATCH), procedure (PROC_UNAVAIL), access, arguments
 * (GARBAGE_ARGS), handler. Bytes after the arguments are ignored, as in the common C library;
 * FreeBSD's kernel needs that (its SM_UNMON has 16 of them).
 *
 * Source: RFC 5531 sections 8 and 9.
 */

import { XdrError } from "../xdr/errors.ts";
import { XdrReader } from "../xdr/reader.ts";
import { fromBytes, type Static, uint, type XdrType } from "../xdr/types.ts";
import { XdrWriter } from "../xdr/writer.ts";
import { acceptedCredentials, authNone, type OpaqueAuth } from "./auth.ts";
import {
  AcceptStat,
  AuthStat,
  call_body,
  message_start,
  MsgType,
  RejectStat,
  reply_header,
  type ReplyBody,
  type ReplyData,
  ReplyStat,
  RPC_VERSION,
} from "./message.ts";
import { type Handlers, NO_REPLY, type Procedure, type Program, type Refusals } from "./program.ts";
import type { Caller, Respond } from "./transport.ts";

/**
 * Verdict of the access rule: `accept` the call; `refuse` it with the procedure's own failure
 * result; `deny` it with AUTH_FAILED, or with AUTH_TOOWEAK if `tooWeak`; `ignore` it without a
 * reply.
 */
export type Verdict = "accept" | "refuse" | "deny" | "tooWeak" | "ignore";

/** Verdict on an address; `tryLater` when the name service has no answer yet. */
export type Admission = "admitted" | "denied" | "tryLater";

/** Hooks for decisions and events outside of dispatch. */
export interface DispatchHooks {
  /** Access rule for a procedure and a caller; a promise only if a look-up is needed. */
  access(procedure: Procedure, name: string, caller: Caller): Verdict | Promise<Verdict>;
  /** Called for each call of an existing procedure, before access is checked. */
  called?(program: Program, procedure: number): void;
  /**
   * Called when a handler or the access rule threw, which is a bug or a fault of the system; the
   * caller gets SYSTEM_ERR.
   */
  handlerFailed(name: string, caller: Caller, error: unknown): void;
  /** Called when arguments do not decode; the caller gets GARBAGE_ARGS. */
  garbage(name: string, caller: Caller, error: XdrError): void;
}

type Handler = (args: unknown, caller: Caller) => unknown;

interface Entry {
  readonly name: string;
  readonly procedure: Procedure;
  readonly handler: Handler;
  readonly refusal: (() => unknown) | undefined;
}

/** Program version with its handlers. */
export interface Service {
  readonly program: Program;
  readonly entries: ReadonlyMap<number, Entry>;
}

/**
 * Joins a program's table with its handlers; the compiler demands one per row. Without `refusals`, a
 * refused caller gets AUTH_FAILED.
 */
export function service<T extends Program>(
  served: T,
  handlers: Handlers<T>,
  refusals?: Refusals<T>,
): Service {
  const handlerOf = handlers as Readonly<Record<string, Handler>>;
  const refusalOf = refusals as Readonly<Record<string, () => unknown>> | undefined;
  const entries = new Map<number, Entry>();
  for (const [name, procedure] of Object.entries(served.procedures)) {
    const handler = handlerOf[name]!;
    entries.set(procedure.number, { name, procedure, handler, refusal: refusalOf?.[name] });
  }
  return { program: served, entries };
}

/** Makes the function that answers calls to a set of services. */
export function dispatcher(services: readonly Service[], hooks: DispatchHooks): Respond {
  const dispatch = new Dispatcher(services, hooks);
  return (call, caller) => dispatch.respond(call, caller);
}

class Dispatcher {
  readonly #programs = new Map<number, Map<number, Service>>();
  readonly #replies = new ReplyEncoder();
  readonly #hooks: DispatchHooks;

  constructor(services: readonly Service[], hooks: DispatchHooks) {
    this.#hooks = hooks;
    for (const one of services) {
      const versions = this.#programs.get(one.program.number) ?? new Map<number, Service>();
      versions.set(one.program.version, one);
      this.#programs.set(one.program.number, versions);
    }
  }

  respond(call: Uint8Array, caller: Caller): ReturnType<Respond> {
    const reader = new XdrReader(call);
    const header = readHeader(reader);
    if (header === undefined) return undefined;
    const { xid, body } = header;
    const replies = this.#replies;
    if (body === undefined) return replies.rpcMismatch(xid);
    const authStat = credentialFault(body.cred);
    if (authStat !== undefined) return replies.authError(xid, authStat);
    const versions = this.#programs.get(body.prog);
    if (versions === undefined) return replies.failure(xid, AcceptStat.PROG_UNAVAIL);
    const served = versions.get(body.vers);
    if (served === undefined) {
      const numbers = [...versions.keys()];
      return replies.versionMismatch(xid, Math.min(...numbers), Math.max(...numbers));
    }
    const entry = served.entries.get(body.proc);
    if (entry === undefined) return replies.failure(xid, AcceptStat.PROC_UNAVAIL);
    this.#hooks.called?.(served.program, body.proc);
    return this.#serve({ xid, entry, caller }, reader);
  }

  #serve(call: AcceptedCall, reader: XdrReader): ReturnType<Respond> {
    const { entry: { procedure, name }, caller } = call;
    const failed = (error: unknown) => this.#failed(call, error);
    try {
      const verdict = this.#hooks.access(procedure, name, caller);
      if (verdict instanceof Promise) {
        const rest = reader.detached();
        return verdict.then((late) => this.#decided(call, late, rest)).catch(failed);
      }
      const reply = this.#decided(call, verdict, reader);
      return reply instanceof Promise ? reply.catch(failed) : reply;
    } catch (error) {
      return failed(error);
    }
  }

  #decided(call: AcceptedCall, verdict: Verdict, reader: XdrReader): ReturnType<Respond> {
    const { xid, entry: { name, procedure, handler, refusal }, caller } = call;
    const replies = this.#replies;
    const answer = (result: unknown) =>
      result === NO_REPLY ? undefined : replies.success(xid, procedure.result, result);
    switch (verdict) {
      case "ignore":
        return undefined;
      case "deny":
        return replies.authError(xid, AuthStat.AUTH_FAILED);
      case "tooWeak":
        return replies.authError(xid, AuthStat.AUTH_TOOWEAK);
      case "refuse":
        return refusal === undefined
          ? replies.authError(xid, AuthStat.AUTH_FAILED)
          : answer(refusal());
      case "accept":
    }
    let args: unknown;
    try {
      args = procedure.args.decode(reader);
    } catch (error) {
      if (!(error instanceof XdrError)) throw error;
      this.#hooks.garbage(name, caller, error);
      return replies.failure(xid, AcceptStat.GARBAGE_ARGS);
    }
    const result = handler(args, caller);
    return result instanceof Promise ? result.then(answer) : answer(result);
  }

  #failed({ xid, entry: { name }, caller }: AcceptedCall, error: unknown) {
    this.#hooks.handlerFailed(name, caller, error);
    return this.#replies.failure(xid, AcceptStat.SYSTEM_ERR);
  }
}

/** Call with its procedure. */
interface AcceptedCall {
  readonly xid: number;
  readonly entry: Entry;
  readonly caller: Caller;
}

/** Decodes a call's xid, and its body if the RPC version is ours; undefined if it is no call. */
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

/** auth_stat to reject a credential with; undefined if its form is acceptable. */
function credentialFault(cred: OpaqueAuth): number | undefined {
  const bodyType = acceptedCredentials.get(cred.flavor);
  if (bodyType === undefined) return AuthStat.AUTH_REJECTEDCRED;
  try {
    fromBytes(bodyType, cred.body);
    return undefined;
  } catch (error) {
    if (error instanceof XdrError) return AuthStat.AUTH_BADCRED;
    throw error;
  }
}

/** Encoder of reply messages. All share one buffer; each result is a copy. */
class ReplyEncoder {
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
