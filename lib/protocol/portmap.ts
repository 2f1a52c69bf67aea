/**
 * The port mapper, program 100000 version 2: where an IPv4 service listens.
 *
 * Source: RFC 1833 section 3.
 */

import { program } from "../rpc/program.ts";
import { struct } from "../xdr/struct.ts";
import { bool, nothing, uint } from "../xdr/types.ts";

export const PMAP_PROG = 100000;
export const PMAP_VERS = 2;
/** Where it listens, UDP and TCP. */
export const PMAP_PORT = 111;

/** IP protocol numbers, as `mapping.prot` has them. */
export const IpProtocol = { TCP: 6, UDP: 17 } as const;

/** `struct mapping { unsigned int prog; vers; prot; port; }` */
export const mapping = struct("mapping", { prog: uint, vers: uint, prot: uint, port: uint });

/** GETPORT answers 0 where nothing is registered. */
export const portmapV2 = program("portmap", PMAP_PROG, PMAP_VERS, {
  PMAPPROC_NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  PMAPPROC_SET: { number: 1, args: mapping, result: bool, from: "any" },
  PMAPPROC_UNSET: { number: 2, args: mapping, result: bool, from: "any" },
  PMAPPROC_GETPORT: { number: 3, args: mapping, result: uint, from: "any" },
});
