/**
 * Our entries in the list of rpcbind on this host, over its Unix socket, where it knows who we are.
 *
 * Source: RFC 1833 section 2 (RPCBPROC_SET, RPCBPROC_UNSET).
 */

import { SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../protocol/rpcbind.ts";
import { toUniversalAddress } from "../protocol/universal_address.ts";
import { RpcError } from "../rpc/errors.ts";
import { AcceptStat } from "../rpc/message.ts";
import type { StreamClient } from "../rpc/stream_client.ts";
import type { Netid, TransportAddress } from "../rpc/transport.ts";

/** How long rpcbind may take to answer, in ms; it is on this host. */
export const RPCBIND_TIMEOUT_MS = 5_000;

export class RpcbindEntries {
  readonly #client: StreamClient;
  readonly #owner: string;

  /** `owner` is the decimal uid under which we call. */
  constructor(client: StreamClient, owner: string) {
    this.#client = client;
    this.#owner = owner;
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
      return await this.#client.call(rpcbindV4, name, args, RPCBIND_TIMEOUT_MS);
    } catch (error) {
      const isOld = error instanceof RpcError && error.failure.kind === "accepted" &&
        error.failure.stat === AcceptStat.PROG_MISMATCH;
      if (!isOld) throw error;
      return await this.#client.call(rpcbindV3, name, args, RPCBIND_TIMEOUT_MS);
    }
  }
}
