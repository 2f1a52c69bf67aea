/**
 * Golden exchanges: the bytes of a call and of its reply, as sent by another implementation, with
 * the values that they mean. The other modules of this folder have the exchanges; golden_test.ts
 * has the assertions.
 */

import type { authsys_parms } from "../../lib/rpc/auth.ts";
import type { RpcFailure } from "../../lib/rpc/errors.ts";
import type { Args, Procedures, Program, Result } from "../../lib/rpc/program.ts";
import type { Static } from "../../lib/xdr/types.ts";

/** Bytes of a call and of its reply. */
interface Packets {
  readonly name: string;
  /** Implementation that sent the bytes, and how they were recorded. */
  readonly source: string;
  /** `record`: the bytes begin with a record mark (TCP). `datagram`: the message alone (UDP). */
  readonly framing: "record" | "datagram";
  readonly call: Uint8Array;
  readonly reply: Uint8Array;
}

/** Values of a call and its reply. */
interface Meaning<A, R> {
  readonly xid: number;
  /** Body of an AUTH_SYS credential; absent for AUTH_NONE. */
  readonly credential?: Static<typeof authsys_parms>;
  readonly args: A;
  /** Number of bytes after the arguments, to be ignored. */
  readonly surplus?: number;
  readonly result: R;
}

/** Successful call. */
export interface Exchange extends Packets, Meaning<unknown, unknown> {
  readonly program: Program;
  readonly procedure: string;
}

/** Failed call. */
export interface Failure extends Packets {
  /** Behaviour of the server that causes the failure of a valid call. */
  readonly server?: "denies" | "throws";
  readonly failure: RpcFailure;
}

/** Exchange whose values the compiler compares with the row of the table. */
export function exchange<P extends Procedures, K extends keyof P & string>(
  program: Program<P>,
  procedure: K,
  exchanged: Packets & Meaning<Args<P[K]>, Result<P[K]>>,
): Exchange {
  return { program, procedure, ...exchanged };
}
