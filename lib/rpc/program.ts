/**
 * Program version as one table of procedures, shared by the server, the client, the access rule,
 * the log and the tests.
 *
 * Source: RFC 5531 section 12 (the RPC language's `program` and `version`).
 */

import type { Static, XdrType } from "../xdr/types.ts";
import type { Caller } from "./transport.ts";

/** Row of the table. */
export interface Procedure {
  readonly number: number;
  readonly args: XdrType<unknown>;
  readonly result: XdrType<unknown>;
  /** Permitted callers: `any`, or a word of the server's access rule. */
  readonly from: string;
}

export type Procedures = Readonly<Record<string, Procedure>>;

export interface Program<P extends Procedures = Procedures> {
  /** Name for display, for example `nsm`. */
  readonly name: string;
  readonly number: number;
  readonly version: number;
  readonly procedures: P;
}

/** Declares a program version, keeping the types of its rows. */
export function program<const P extends Procedures>(
  name: string,
  number: number,
  version: number,
  procedures: P,
): Program<P> {
  return { name, number, version, procedures };
}

export type Args<R extends Procedure> = Static<R["args"]>;
export type Result<R extends Procedure> = Static<R["result"]>;

/** Handler result that leaves a call unanswered, so that its sender repeats it. */
export const NO_REPLY = Symbol("no reply");

/** Result of a handler. */
export type Answer<R extends Procedure> = Result<R> | typeof NO_REPLY;

/** Handlers, one per row; they see values and a caller, never bytes, an xid or a socket. */
export type Handlers<T> = T extends Program<infer P> ? {
    readonly [K in keyof P]: (
      args: Args<P[K]>,
      caller: Caller,
    ) => Answer<P[K]> | Promise<Answer<P[K]>>;
  }
  : never;

/** Failure results for refused callers, for each row with restricted callers. */
export type Refusals<T> = T extends Program<infer P> ? {
    readonly [K in keyof P as P[K]["from"] extends "any" ? never : K]: () => Result<P[K]>;
  }
  : never;
