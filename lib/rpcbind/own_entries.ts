/** rpcbind's own entries, in the order in which rpcbind 1.2.6 has them. */

import { PMAP_PORT, PMAP_PROG, PMAP_VERS } from "../protocol/portmap.ts";
import { RPCB_VERS_3, RPCB_VERS_4, RPCBIND_SOCKET } from "../protocol/rpcbind.ts";
import { toUniversalAddress } from "../protocol/universal_address.ts";
import type { Netid } from "../rpc/transport.ts";
import { type Entry, SUPERUSER } from "./entries.ts";
import { LOCAL_NETID } from "./netconfig.ts";

const ANY_IPV4 = toUniversalAddress({ address: "0.0.0.0", port: PMAP_PORT });
const ANY_IPV6 = toUniversalAddress({ address: "::", port: PMAP_PORT });

/** Versions of each netid, latest first; version 2 only for IPv4. */
const NETIDS: readonly (readonly [Netid, string, readonly number[]])[] = [
  ["tcp6", ANY_IPV6, [RPCB_VERS_4, RPCB_VERS_3]],
  ["udp6", ANY_IPV6, [RPCB_VERS_4, RPCB_VERS_3]],
  ["tcp", ANY_IPV4, [RPCB_VERS_4, RPCB_VERS_3, PMAP_VERS]],
  ["udp", ANY_IPV4, [RPCB_VERS_4, RPCB_VERS_3, PMAP_VERS]],
];

/** Entries for the served netids and the UNIX socket. */
export function ownEntries(served: ReadonlySet<Netid>): Entry[] {
  const entry = (netid: string, address: string, version: number): Entry => ({
    r_prog: PMAP_PROG,
    r_vers: version,
    r_netid: netid,
    r_addr: address,
    r_owner: SUPERUSER,
  });
  return [
    ...NETIDS.filter(([netid]) => served.has(netid)).flatMap(([netid, address, versions]) =>
      versions.map((version) => entry(netid, address, version))
    ),
    ...[RPCB_VERS_4, RPCB_VERS_3].map((version) => entry(LOCAL_NETID, RPCBIND_SOCKET, version)),
  ];
}
