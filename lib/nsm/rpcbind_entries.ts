/**
 * Our entries with the local rpcbind. Entries made over its Unix socket are owned by our uid;
 * entries made over the network have no owner.
 *
 * Source: RFC 1833 section 2 (RPCBPROC_SET, RPCBPROC_UNSET).
 */

import { SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../protocol/rpcbind.ts";
import { toUniversalAddress } from "../protocol/universal_address.ts";
import { RpcError } from "../rpc/errors.ts";
import { AcceptStat } from "../rpc/message.ts";
import { type Netid, NETIDS, type TransportAddress } from "../rpc/transport.ts";

/** Timeout of the local rpcbind, in ms. */
export const RPCBIND_TIMEOUT_MS = 5_000;

/** Calls rpcbind. @throws {RpcError} No reply in time, or a status other than SUCCESS. */
export type CallRpcbind = (
  program: typeof rpcbindV3 | typeof rpcbindV4,
  name: "RPCBPROC_SET" | "RPCBPROC_UNSET",
  args: Rpcb,
  timeoutMs: number,
) => Promise<boolean>;

export class RpcbindEntries {
  readonly #callRpcbind: CallRpcbind;
  readonly #owner: string;

  /** `owner` is our decimal uid. */
  constructor(call: CallRpcbind, owner: string) {
    this.#callRpcbind = call;
    this.#owner = owner;
  }

  /**
   * Makes the entries equal to the served transports. Correct entries are never removed, since a
   * client may ask at any moment.
   *
   * @throws {Error} Another program owns a transport; the remaining transports are registered.
   */
  async enter(all: readonly TransportAddress[]): Promise<void> {
    const refused: string[] = [];
    for (const netid of NETIDS) {
      const served = all.find((one) => one.netid === netid);
      if (served !== undefined && await this.set(served)) continue;
      // The entry may be an earlier run's, with another port or no longer served.
      await this.remove(netid);
      if (served !== undefined && !await this.set(served)) {
        refused.push(`${netid} ${toUniversalAddress(served)}`);
      }
    }
    if (refused.length > 0) {
      throw new Error(`rpcbind refuses ${refused.join(", ")}; another program has registered it`);
    }
  }

  /** Adds an entry, idempotent; false where the transport has a different entry. */
  set(served: TransportAddress): Promise<boolean> {
    return this.#call("RPCBPROC_SET", served.netid, toUniversalAddress(served));
  }

  /** Removes the entry of a netid; false where we may remove none. */
  remove(netid: Netid): Promise<boolean> {
    return this.#call("RPCBPROC_UNSET", netid, "");
  }

  /** Removes the entries of all netids; false where we may remove none. */
  removeAll(): Promise<boolean> {
    return this.#call("RPCBPROC_UNSET", "", "");
  }

  /** Calls rpcbind version 4, or version 3 where 4 is not served. */
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

/** Whether an error is PROG_MISMATCH: the version is not served. */
export function isVersionMissing(error: unknown): boolean {
  return error instanceof RpcError && error.failure.kind === "accepted" &&
    error.failure.stat === AcceptStat.PROG_MISMATCH;
}
