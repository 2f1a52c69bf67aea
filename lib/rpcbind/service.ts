/**
 * Procedures of program 100000, versions 2, 3 and 4.
 *
 * Deviation: calls are not forwarded (PMAPPROC_CALLIT, RPCBPROC_CALLIT, RPCBPROC_BCAST and
 * RPCBPROC_INDIRECT get no reply). A forwarded call has this host's source address, which has been
 * abused to bypass access rules and to amplify traffic.
 *
 * Source: RFC 1833 sections 2 and 3.
 */

import { type Mapping, portmapV2 } from "../protocol/portmap.ts";
import { type Rpcb, type RpcbEntry, rpcbindV3, rpcbindV4 } from "../protocol/rpcbind.ts";
import { type Service, service } from "../rpc/dispatch.ts";
import { NO_REPLY } from "../rpc/program.ts";
import { type Caller, RESERVED_PORT_END } from "../rpc/transport.ts";
import { type Entries, netidOfProtocol, SUPERUSER, UNKNOWN } from "./entries.ts";
import { type InterfaceAddress, mergedAddress } from "./merged_address.ts";
import { LOCAL_NETID, type Transport, transportOf, TRANSPORTS } from "./netconfig.ts";
import type { Statistics } from "./statistics.ts";
import { fromTransportAddress, toTransportAddress } from "./transport_address.ts";

/** Objects behind the procedures. */
export interface ServiceParts {
  readonly entries: Entries;
  readonly statistics: Statistics;
  /** Addresses of this host, in the order of its interfaces. */
  readonly interfaces: () => readonly InterfaceAddress[];
  /** Seconds since 1970. */
  readonly time: () => number;
}

/** Services of the three versions. Refused callers get AUTH_TOOWEAK or AUTH_FAILED, not a result. */
export function rpcbindServices(parts: ServiceParts): Service[] {
  const { entries, statistics } = parts;
  const three = procedures(3, parts);
  const four = procedures(4, parts);
  return [
    service(portmapV2, {
      PMAPPROC_NULL() {},
      PMAPPROC_SET(mapping, caller) {
        const entry = entryOf(mapping);
        const isSet = entry !== undefined && entries.set(entry, ownerOf(caller));
        statistics.set(2, isSet);
        return isSet;
      },
      PMAPPROC_UNSET({ prog, vers }, caller) {
        const owner = ownerOf(caller);
        const removed = ["tcp", "udp"].map((netid) =>
          entries.unset(entryFor(prog, vers, netid), owner)
        );
        const isUnset = removed.includes(true);
        statistics.unset(2, isUnset);
        return isUnset;
      },
      PMAPPROC_GETPORT({ prog, vers, prot }) {
        const port = entries.portOf(prog, vers, prot);
        const netid = netidOfProtocol(prot);
        if (netid !== undefined) statistics.lookedUp(2, prog, vers, netid, port !== undefined);
        return port ?? 0;
      },
      PMAPPROC_DUMP: () => entries.mappings(),
      PMAPPROC_CALLIT: () => NO_REPLY,
    }),
    service(rpcbindV3, three),
    service(rpcbindV4, {
      ...four,
      RPCBPROC_GETVERSADDR: (asked, caller) => addressFor(4, asked, caller, "exact", parts),
      RPCBPROC_INDIRECT: () => NO_REPLY,
      RPCBPROC_GETADDRLIST: (asked, caller) => addressesFor(asked, caller, parts),
      RPCBPROC_GETSTAT: () => statistics.all(),
    }),
  ];
}

/** Handlers shared by versions 3 and 4. */
function procedures(version: 3 | 4, parts: ServiceParts) {
  const { entries, statistics, time } = parts;
  return {
    RPCBPROC_NULL() {},
    RPCBPROC_SET(entry: Rpcb, caller: Caller): boolean {
      const isSet = entries.set(entry, ownerOf(caller));
      statistics.set(version, isSet);
      return isSet;
    },
    RPCBPROC_UNSET(entry: Rpcb, caller: Caller): boolean {
      const isUnset = entries.unset(entry, ownerOf(caller));
      statistics.unset(version, isUnset);
      return isUnset;
    },
    RPCBPROC_GETADDR: (asked: Rpcb, caller: Caller): string =>
      addressFor(version, asked, caller, "any", parts),
    RPCBPROC_DUMP: () => entries.all,
    RPCBPROC_CALLIT: (): typeof NO_REPLY => NO_REPLY,
    RPCBPROC_GETTIME: time,
    RPCBPROC_UADDR2TADDR: (text: string, caller: Caller) =>
      toTransportAddress(text, transportFor(caller)),
    RPCBPROC_TADDR2UADDR: (address: Parameters<typeof fromTransportAddress>[0], caller: Caller) =>
      fromTransportAddress(address, transportFor(caller)),
  } as const;
}

/** Netid that a call came by. */
export function netidOf({ uid, netid }: Caller): string {
  return uid === undefined ? netid : LOCAL_NETID;
}

function transportFor(caller: Caller): Transport {
  return transportOf(netidOf(caller))!;
}

/**
 * Owner of a caller's registrations: the user of its UNIX socket. A local reserved port stands for
 * root; another local port may be any user's.
 */
export function ownerOf({ uid, isLocal, port }: Caller): string {
  if (uid !== undefined) return uid === 0 ? SUPERUSER : uid < 0 ? UNKNOWN : String(uid);
  return isLocal && port < RESERVED_PORT_END ? SUPERUSER : UNKNOWN;
}

/** Address of a service for the netid of the call; empty if there is none. */
function addressFor(
  version: 3 | 4,
  { r_prog, r_vers, r_addr }: Rpcb,
  caller: Caller,
  versions: "any" | "exact",
  { entries, statistics, interfaces }: ServiceParts,
): string {
  const netid = netidOf(caller);
  const entry = entries.find(r_prog, r_vers, netid);
  const isFound = entry !== undefined && (versions === "any" || entry.r_vers === r_vers);
  statistics.lookedUp(version, r_prog, r_vers, netid, isFound);
  if (!isFound) return "";
  if (netid === LOCAL_NETID) return entry.r_addr;
  const asker = { address: caller.address, hint: r_addr };
  return mergedAddress(entry.r_addr, asker, interfaces()) ?? entry.r_addr;
}

/** Addresses of a program version over all transports of the caller's family. */
function addressesFor(
  { r_prog, r_vers, r_addr }: Rpcb,
  caller: Caller,
  { entries, statistics, interfaces }: ServiceParts,
): RpcbEntry[] {
  const { family } = transportFor(caller);
  const asker = { address: caller.address, hint: r_addr };
  const found = entries.all.flatMap((entry) => {
    const transport = TRANSPORTS.find(({ netid }) => netid === entry.r_netid);
    const isMeant = entry.r_prog === r_prog && entry.r_vers === r_vers &&
      transport?.family === family && family !== "loopback";
    const address = isMeant ? mergedAddress(entry.r_addr, asker, interfaces()) : undefined;
    if (address === undefined) return [];
    return [{
      r_maddr: address,
      r_nc_netid: transport!.netid,
      r_nc_semantics: transport!.semantics,
      r_nc_protofmly: transport!.family,
      r_nc_proto: transport!.protocol,
    }];
  });
  statistics.lookedUp(4, r_prog, r_vers, netidOf(caller), found.length > 0);
  return found;
}

/** Converts a version 2 mapping; undefined for an unknown protocol. */
function entryOf({ prog, vers, prot, port }: Mapping): Rpcb | undefined {
  const netid = netidOfProtocol(prot);
  if (netid === undefined) return undefined;
  return { ...entryFor(prog, vers, netid), r_addr: `0.0.0.0.${port >> 8 & 0xff}.${port & 0xff}` };
}

function entryFor(r_prog: number, r_vers: number, r_netid: string): Rpcb {
  return { r_prog, r_vers, r_netid, r_addr: "", r_owner: "" };
}
