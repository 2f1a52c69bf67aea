/**
 * Listing check: what the local rpcbind answers to others who ask for us. It is asked over loopback
 * by each transport, since rpcbind answers only from the entries of the transport of the call.
 *
 * Source: RFC 1833 section 2.2.1 (RPCBPROC_GETADDR: r_netid is that of the transport of the call).
 */

import { SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { PMAP_PORT } from "../protocol/portmap.ts";
import { rpcbindV3 } from "../protocol/rpcbind.ts";
import { isIpv6 } from "../rpc/address.ts";
import { type TransportAddress, TransportError } from "../rpc/transport.ts";
import { findPort } from "./port_lookup.ts";
import type { CallPeer } from "./ports.ts";
import { RPCBIND_TIMEOUT_MS } from "./rpcbind_entries.ts";

/**
 * First difference between rpcbind's list and the served transports, for a log line; undefined if
 * equal.
 *
 * @throws {RpcError} (as a rejection) rpcbind does not answer.
 *
 * @throws {TransportError} (as a rejection) rpcbind does not run.
 */
export async function listingFault(
  callPeer: CallPeer,
  served: readonly TransportAddress[],
): Promise<string | undefined> {
  const families = Map.groupBy(served, ({ netid }) => netid.endsWith("6") ? "::1" : "127.0.0.1");
  for (const [loopback, addresses] of families) {
    if (isIpv6(loopback) && !await isServed(callPeer, loopback)) continue;
    for (const { netid, port } of addresses) {
      const transport = netid.startsWith("udp") ? "udp" : "tcp";
      const wanted = { program: SM_PROG, version: SM_VERS, transport } as const;
      const listed = await findPort(callPeer, wanted, loopback, RPCBIND_TIMEOUT_MS);
      if (listed === port) continue;
      const now = listed === undefined ? "is gone" : `has become port ${listed}`;
      return `${netid} port ${port} ${now}`;
    }
  }
  return undefined;
}

/**
 * False where rpcbind does not listen at an address, as without IPv6 in /etc/netconfig. TCP shows
 * that at once, UDP not at all.
 */
async function isServed(callPeer: CallPeer, address: string): Promise<boolean> {
  const at = { address, port: PMAP_PORT };
  try {
    await callPeer.call(rpcbindV3, "RPCBPROC_NULL", undefined, at, "tcp", RPCBIND_TIMEOUT_MS);
    return true;
  } catch (error) {
    if (error instanceof TransportError) return false;
    throw error;
  }
}
