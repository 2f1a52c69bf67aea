/**
 * What a golden exchange is: the bytes of a call and of the reply to it, as another implementation
 * sent them, beside the values that they stand for. The other modules here hold them; golden_test.ts
 * says what must be true of each.
 */

import type { authsys_parms } from "../../lib/rpc/auth.ts";
import type { RpcFailure } from "../../lib/rpc/errors.ts";
import type { Args, Procedures, Program, Result } from "../../lib/rpc/program.ts";
import type { Static } from "../../lib/xdr/types.ts";

/** The bytes of a call and its reply. */
interface Packets {
  readonly name: string;
  /** Whose bytes these are, and how they were had. */
  readonly source: string;
  /** `record`: the bytes begin with a record mark (TCP). `datagram`: the message alone (UDP). */
  readonly framing: "record" | "datagram";
  readonly call: Uint8Array;
  readonly reply: Uint8Array;
}

/** What a call and its reply say. */
interface Meaning<A, R> {
  readonly xid: number;
  /** The body of an AUTH_SYS credential; AUTH_NONE where there is none. */
  readonly credential?: Static<typeof authsys_parms>;
  readonly args: A;
  /** How many bytes follow the arguments, to be ignored. */
  readonly surplus?: number;
  readonly result: R;
}

/** A call that brought its result. */
export interface Exchange extends Packets, Meaning<unknown, unknown> {
  readonly program: Program;
  readonly procedure: string;
}

/** A call that was not served. */
export interface Failure extends Packets {
  /** What the server has to do for it where nothing is wrong with the call. */
  readonly server?: "denies" | "throws";
  readonly failure: RpcFailure;
}

/** An exchange whose values the compiler has compared with the row of the table. */
export function exchange<P extends Procedures, K extends keyof P & string>(
  program: Program<P>,
  procedure: K,
  exchanged: Packets & Meaning<Args<P[K]>, Result<P[K]>>,
): Exchange {
  return { program, procedure, ...exchanged };
}
