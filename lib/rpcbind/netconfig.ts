/**
 * Transports by netid, as in libtirpc's /etc/netconfig.
 *
 * Source: netconfig(5); RFC 5665 section 5.1.
 */

import { Semantics } from "../protocol/rpcbind.ts";

/** Netid of rpcbind's UNIX socket. */
export const LOCAL_NETID = "local";

export interface Transport {
  readonly netid: string;
  readonly semantics: number;
  readonly family: "inet" | "inet6" | "loopback";
  /** `udp`, `tcp`, or `-` for one without protocol. */
  readonly protocol: string;
}

const { CLTS, COTS_ORD } = Semantics;

export const TRANSPORTS: readonly Transport[] = [
  { netid: "udp", semantics: CLTS, family: "inet", protocol: "udp" },
  { netid: "tcp", semantics: COTS_ORD, family: "inet", protocol: "tcp" },
  { netid: "udp6", semantics: CLTS, family: "inet6", protocol: "udp" },
  { netid: "tcp6", semantics: COTS_ORD, family: "inet6", protocol: "tcp" },
  { netid: LOCAL_NETID, semantics: COTS_ORD, family: "loopback", protocol: "-" },
];

/** Transport of a netid; undefined if unknown. */
export function transportOf(netid: string): Transport | undefined {
  return TRANSPORTS.find((transport) => transport.netid === netid);
}
