/**
 * Portmapper, program 100000 version 2: ports of IPv4 services.
 *
 * Source: RFC 1833 section 3.
 */

import { program } from "../rpc/program.ts";
import { linkedList } from "../xdr/list.ts";
import { struct } from "../xdr/struct.ts";
import { bool, nothing, type Static, uint } from "../xdr/types.ts";

export const PMAP_PROG = 100000;
export const PMAP_VERS = 2;
/** Its port, for UDP and TCP. */
export const PMAP_PORT = 111;

/** IP protocol numbers in `mapping.prot`. */
export const IpProtocol = { TCP: 6, UDP: 17 } as const;

/** Limit of entries in one dump; the specification has none. */
export const RPCBIND_ENTRIES_MAX = 8192;

/** `struct mapping { unsigned int prog; vers; prot; port; }` */
export const mapping = struct("mapping", { prog: uint, vers: uint, prot: uint, port: uint });
export type Mapping = Static<typeof mapping>;

/** `struct *pmaplist { mapping map; pmaplist next; }` */
export const pmaplist = linkedList(mapping, RPCBIND_ENTRIES_MAX);

/** Table of procedures. GETPORT returns 0 for an unregistered program. */
export const portmapV2 = program("portmap", PMAP_PROG, PMAP_VERS, {
  PMAPPROC_NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  PMAPPROC_SET: { number: 1, args: mapping, result: bool, from: "local" },
  PMAPPROC_UNSET: { number: 2, args: mapping, result: bool, from: "local" },
  PMAPPROC_GETPORT: { number: 3, args: mapping, result: uint, from: "any" },
  PMAPPROC_DUMP: { number: 4, args: nothing, result: pmaplist, from: "dump" },
  /** Forwards a call. Arguments and results are not declared, since we neither send nor answer it. */
  PMAPPROC_CALLIT: { number: 5, args: nothing, result: nothing, from: "any" },
});
