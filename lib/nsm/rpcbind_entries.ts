/**
 * Our entries in the list of rpcbind on this host. Over its Unix socket it knows who we are; over the
 * network entries are nobody's.
 *
 * Source: RFC 1833 section 2 (RPCBPROC_SET, RPCBPROC_UNSET).
 */

import { SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../protocol/rpcbind.ts";
import { toUniversalAddress } from "../protocol/universal_address.ts";
import { RpcError } from "../rpc/errors.ts";
import { AcceptStat } from "../rpc/message.ts";
import { type Netid, NETIDS, type TransportAddress } from "../rpc/transport.ts";

/** How long rpcbind may take to answer, in ms; it is on this host. */
export const RPCBIND_TIMEOUT_MS = 5_000;

/** Calls rpcbind. @throws {RpcError} No reply in time, or another one than SUCCESS. */
export type CallRpcbind = (
  program: typeof rpcbindV3 | typeof rpcbindV4,
  name: "RPCBPROC_SET" | "RPCBPROC_UNSET",
  args: Rpcb,
  timeoutMs: number,
) => Promise<boolean>;

export class RpcbindEntries {
  readonly #callRpcbind: CallRpcbind;
  readonly #owner: string;

  /** `owner` is the decimal uid under which we call. */
  constructor(call: CallRpcbind, owner: string) {
    this.#callRpcbind = call;
    this.#owner = owner;
  }

  /**
   * Makes the entries those of what is served. What is registered already stays so all the time: somebody
   * may ask just now.
   *
   * @throws {Error} Another program has a transport; the remaining transports are registered all the same.
   */
  async enter(all: readonly TransportAddress[]): Promise<void> {
    const refused: string[] = [];
    for (const netid of NETIDS) {
      const served = all.find((one) => one.netid === netid);
      if (served !== undefined && await this.set(served)) continue;
      // An earlier life of ours may have it, with another port or without need.
      await this.remove(netid);
      if (served !== undefined && !await this.set(served)) {
        refused.push(`${netid} ${toUniversalAddress(served)}`);
      }
    }
    if (refused.length > 0) {
      throw new Error(`rpcbind refuses ${refused.join(", ")}; somebody else has it`);
    }
  }

  /** Enters a transport, unless that is there already; false where it has another entry. */
  set(served: TransportAddress): Promise<boolean> {
    return this.#call("RPCBPROC_SET", served.netid, toUniversalAddress(served));
  }

  /** Removes the entry of a netid; false where there is none that we may remove. */
  remove(netid: Netid): Promise<boolean> {
    return this.#call("RPCBPROC_UNSET", netid, "");
  }

  /** Removes the entries of all netids; false where there are none that we may remove. */
  removeAll(): Promise<boolean> {
    return this.#call("RPCBPROC_UNSET", "", "");
  }

  /** Calls version 4, and version 3 where that is not spoken. */
  async #call(
    name: "RPCBPROC_SET" | "RPCBPROC_UNSET",
    r_netid: string,
    r_addr: string,
  ): Promise<boolean> {
    const args: Rpcb = { r_prog: SM_PROG, r_vers: SM_VERS, r_netid, r_addr, r_owner: this.#owner };
    try {
      return await this.#callRpcbind(rpcbindV4, name, args, RPCBIND_TIMEOUT_MS);
    } catch (error) {
      if (!isVersionMissing(error)) throw error;
      return await this.#callRpcbind(rpcbindV3, name, args, RPCBIND_TIMEOUT_MS);
    }
  }
}

/** Whether the version that was called is not spoken. */
export function isVersionMissing(error: unknown): boolean {
  return error instanceof RpcError && error.failure.kind === "accepted" &&
    error.failure.stat === AcceptStat.PROG_MISMATCH;
}
