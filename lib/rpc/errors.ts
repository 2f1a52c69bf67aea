import { AcceptStat } from "./message.ts";
import type { Endpoint } from "./transport.ts";

/** Failure of a call. */
export type RpcFailure =
  /** No acceptable reply in time. */
  | { readonly kind: "timeout"; readonly elapsedMs: number }
  /** Accepted with an accept_stat other than SUCCESS. */
  | {
    readonly kind: "accepted";
    readonly stat: number;
    readonly low?: number;
    readonly high?: number;
  }
  /** Denied: RPC version or credentials. */
  | { readonly kind: "denied"; readonly stat: number; readonly detail: string }
  /** The reply is malformed. */
  | { readonly kind: "protocol"; readonly reason: string };

/** Thrown when a call was delivered, or timed out, without a result. */
export class RpcError extends Error {
  override readonly name = "RpcError";

  constructor(what: string, to: Endpoint, readonly failure: RpcFailure) {
    super(`Cannot call ${what} at ${to.address} port ${to.port}: ${describe(failure)}`);
  }
}

/** Names of accept_stat, by number. */
const ACCEPT_STAT_NAMES = Object.keys(AcceptStat);

function describe(failure: RpcFailure): string {
  switch (failure.kind) {
    case "timeout":
      return `no answer in ${failure.elapsedMs} ms`;
    case "accepted": {
      const versions = failure.low === undefined
        ? ""
        : ` (versions ${failure.low} to ${failure.high})`;
      return `the answer is ${ACCEPT_STAT_NAMES[failure.stat] ?? failure.stat}${versions}`;
    }
    case "denied":
      return `the call was denied, ${failure.detail}`;
    case "protocol":
      return `the answer is malformed, ${failure.reason}`;
  }
}
