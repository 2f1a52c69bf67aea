/**
 * rpcbind, program 100000 versions 3 and 4: where a service listens, for any transport. The
 * procedures used here are the same in both versions.
 *
 * Source: RFC 1833 section 2.
 */

import { program } from "../rpc/program.ts";
import { struct } from "../xdr/struct.ts";
import { bool, nothing, type Static, string, uint } from "../xdr/types.ts";
import { PMAP_PROG } from "./portmap.ts";

export const RPCB_VERS_3 = 3;
export const RPCB_VERS_4 = 4;

/** Longest r_netid, r_addr and r_owner taken, in bytes; the specification sets no limit. */
const RPCB_STRING_MAX_BYTES = 1024;
const text = string(RPCB_STRING_MAX_BYTES);

/** `struct rpcb { r_prog; r_vers; string r_netid<>; string r_addr<>; string r_owner<>; }` */
export const rpcb = struct("rpcb", {
  r_prog: uint,
  r_vers: uint,
  r_netid: text,
  r_addr: text,
  r_owner: text,
});
export type Rpcb = Static<typeof rpcb>;

const procedures = {
  RPCBPROC_NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  RPCBPROC_SET: { number: 1, args: rpcb, result: bool, from: "any" },
  RPCBPROC_UNSET: { number: 2, args: rpcb, result: bool, from: "any" },
  /** Answers a universal address, empty where nothing is registered. */
  RPCBPROC_GETADDR: { number: 3, args: rpcb, result: text, from: "any" },
} as const;

export const rpcbindV3 = program("rpcbind", PMAP_PROG, RPCB_VERS_3, procedures);
export const rpcbindV4 = program("rpcbind", PMAP_PROG, RPCB_VERS_4, procedures);
