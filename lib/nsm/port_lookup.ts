/**
 * Port look-up: asks the portmapper or rpcbind of a host for the port of a program. The question
 * uses the transport of the program, so that a packet filter in the way shows at once.
 *
 * | address | asked first                | asked when that version is not served      |
 * | ------- | -------------------------- | ------------------------------------------ |
 * | IPv4    | portmap version 2, GETPORT | rpcbind version 4 or 3, GETADDR            |
 * | IPv6    | rpcbind version 3, GETADDR | rpcbind version 4, GETADDR                 |
 *
 * Version 3 comes before 4, as with nfs-utils: every rpcbind has it, which saves a second call.
 *
 * Source: RFC 1833 sections 2 and 3; RFC 5531 section 9 (PROG_MISMATCH).
 */

import { isIpv6, netidFor, PORT_MAX } from "../rpc/address.ts";
import { IpProtocol, PMAP_PORT, PMAP_VERS, portmapV2 } from "../protocol/portmap.ts";
import { RPCB_VERS_3, RPCB_VERS_4, rpcbindV3, rpcbindV4 } from "../protocol/rpcbind.ts";
import { fromUniversalAddress, toUniversalAddress } from "../protocol/universal_address.ts";
import { quote } from "../quote.ts";
import { RpcError } from "../rpc/errors.ts";
import { AcceptStat } from "../rpc/message.ts";
import type { Endpoint } from "../rpc/transport.ts";
import type { CallPeer } from "./ports.ts";

/** Program and transport whose port is wanted. */
export interface Wanted {
  readonly program: number;
  readonly version: number;
  readonly transport: "udp" | "tcp";
}

/**
 * Port of a program at an address; undefined if it is not registered. `timeoutMs` applies to each
 * call; two calls are made where the first version is not served.
 *
 * @throws {RpcError} (as a rejection) No answer in time, or an unusable one.
 * @throws {TransportError} (as a rejection) The call could not be sent.
 */
export async function findPort(
  peers: CallPeer,
  wanted: Wanted,
  address: string,
  timeoutMs: number,
): Promise<number | undefined> {
  const at = { address, port: PMAP_PORT };
  const first = isIpv6(address) ? RPCB_VERS_3 : PMAP_VERS;
  for (let version: number = first;;) {
    try {
      if (version === PMAP_VERS) {
        const port = await askPortmap(peers, wanted, at, timeoutMs);
        return usable("PMAPPROC_GETPORT", at, port, String(port));
      }
      const text = await askRpcbind(version, peers, wanted, at, timeoutMs);
      // The address is ignored: a peer has no business sending us to another host.
      const port = text === "" ? 0 : fromUniversalAddress(text)?.port ?? -1;
      return usable("RPCBPROC_GETADDR", at, port, text);
    } catch (error) {
      const other = otherVersion(error);
      if (other === undefined || version !== first) throw error;
      version = other;
    }
  }
}

/** Version of rpcbind to try next, from the range in a PROG_MISMATCH. */
function otherVersion(error: unknown): number | undefined {
  if (!(error instanceof RpcError) || error.failure.kind !== "accepted") return undefined;
  const { stat, low, high } = error.failure;
  if (stat !== AcceptStat.PROG_MISMATCH || low === undefined || high === undefined) {
    return undefined;
  }
  return [RPCB_VERS_4, RPCB_VERS_3].find((version) => low <= version && version <= high);
}

function askPortmap(
  peers: CallPeer,
  { program, version, transport }: Wanted,
  at: Endpoint,
  timeoutMs: number,
): Promise<number> {
  const prot = transport === "udp" ? IpProtocol.UDP : IpProtocol.TCP;
  const args = { prog: program, vers: version, prot, port: 0 };
  return peers.call(portmapV2, "PMAPPROC_GETPORT", args, at, transport, timeoutMs);
}

function askRpcbind(
  rpcbindVersion: number,
  peers: CallPeer,
  { program, version, transport }: Wanted,
  at: Endpoint,
  timeoutMs: number,
): Promise<string> {
  const args = {
    r_prog: program,
    r_vers: version,
    r_netid: netidFor(transport, at.address),
    // rpcbind picks the address in its answer by the address that was asked.
    r_addr: toUniversalAddress(at),
    r_owner: "",
  };
  const rpcbind = rpcbindVersion === RPCB_VERS_4 ? rpcbindV4 : rpcbindV3;
  return peers.call(rpcbind, "RPCBPROC_GETADDR", args, at, transport, timeoutMs);
}

/** Validates a port; undefined for 0, which means "not registered". */
function usable(procedure: string, at: Endpoint, port: number, text: string): number | undefined {
  if (port === 0) return undefined;
  if (port > 0 && port <= PORT_MAX) return port;
  const reason = `${quote(text)} is not a port or address`;
  throw new RpcError(procedure, at, { kind: "protocol", reason });
}
