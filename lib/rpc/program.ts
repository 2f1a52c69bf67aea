/**
 * Program version as one table of procedures, read by the server, the client, the access rule, the log and
 * the tests.
 *
 * Source: RFC 5531 section 12 (the RPC language's `program` and `version`).
 */

import type { Static, XdrType } from "../xdr/types.ts";
import type { Caller } from "./transport.ts";

/** One row of the table. */
export interface Procedure {
  readonly number: number;
  readonly args: XdrType<unknown>;
  readonly result: XdrType<unknown>;
  /** Callers that may use it: `any`, or a word of the server's access rule. */
  readonly from: string;
}

export type Procedures = Readonly<Record<string, Procedure>>;

/** One version of one program. */
export interface Program<P extends Procedures = Procedures> {
  /** Name for people, for example `nsm`. */
  readonly name: string;
  readonly number: number;
  readonly version: number;
  readonly procedures: P;
}

/** Declares a program version; the types of its rows are kept. */
export function program<const P extends Procedures>(
  name: string,
  number: number,
  version: number,
  procedures: P,
): Program<P> {
  return { name, number, version, procedures };
}

/** The type of a procedure's arguments. */
export type Args<R extends Procedure> = Static<R["args"]>;
/** The type of a procedure's result. */
export type Result<R extends Procedure> = Static<R["result"]>;

/** Result of a handler that leaves a call unanswered, so that its sender repeats it. */
export const NO_REPLY = Symbol("no reply");

/** Result of a handler. */
export type Answer<R extends Procedure> = Result<R> | typeof NO_REPLY;

/** One function for each row; it sees values and a caller, never bytes, an xid or a socket. */
export type Handlers<T> = T extends Program<infer P> ? {
    readonly [K in keyof P]: (
      args: Args<P[K]>,
      caller: Caller,
    ) => Answer<P[K]> | Promise<Answer<P[K]>>;
  }
  : never;

/** For each row that not everybody may call: the result that a refused caller is given. */
export type Refusals<T> = T extends Program<infer P> ? {
    readonly [K in keyof P as P[K]["from"] extends "any" ? never : K]: () => Result<P[K]>;
  }
  : never;
