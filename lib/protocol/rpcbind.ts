/**
 * rpcbind, program 100000 versions 3 and 4: addresses of services, for any transport. Version 4
 * keeps the numbers and types of version 3's procedures.
 *
 * Source: RFC 1833 section 2.
 */

import { program } from "../rpc/program.ts";
import { fixedArray, linkedList } from "../xdr/list.ts";
import { struct } from "../xdr/struct.ts";
import { bool, int, nothing, type Static, string, uint, varOpaque } from "../xdr/types.ts";
import { PMAP_PROG, RPCBIND_ENTRIES_MAX } from "./portmap.ts";

export const RPCB_VERS_3 = 3;
export const RPCB_VERS_4 = 4;
/** UNIX socket of rpcbind on Linux, for local callers. */
export const RPCBIND_SOCKET = "/run/rpcbind.sock";

/** Limit of r_netid, r_addr and r_owner, in bytes; the specification has none. */
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

/** `struct *rpcblist { rpcb map; rpcblist next; }` */
export const rpcblist = linkedList(rpcb, RPCBIND_ENTRIES_MAX);

/** `struct netbuf { unsigned int maxlen; opaque buf<>; }`: a struct sockaddr of the server's system. */
export const netbuf = struct("netbuf", { maxlen: uint, buf: varOpaque(RPCB_STRING_MAX_BYTES) });
export type Netbuf = Static<typeof netbuf>;

/** `struct rpcb_entry { r_maddr; r_nc_netid; r_nc_semantics; r_nc_protofmly; r_nc_proto; }` */
export const rpcb_entry = struct("rpcb_entry", {
  r_maddr: text,
  r_nc_netid: text,
  r_nc_semantics: uint,
  r_nc_protofmly: text,
  r_nc_proto: text,
});
export type RpcbEntry = Static<typeof rpcb_entry>;

/** Semantics of a transport in `r_nc_semantics`. */
export const Semantics = { CLTS: 1, COTS: 2, COTS_ORD: 3 } as const;

/** Number of procedures in a version's statistics. */
export const RPCBSTAT_HIGHPROC = 13;
/** Number of versions in the statistics: 2, 3 and 4. */
export const RPCBVERS_STAT = 3;

const rpcbs_addr = struct("rpcbs_addrlist", {
  prog: uint,
  vers: uint,
  success: int,
  failure: int,
  netid: text,
});
const rpcbs_rmtcall = struct("rpcbs_rmtcalllist", {
  prog: uint,
  vers: uint,
  proc: uint,
  success: int,
  failure: int,
  indirect: int,
  netid: text,
});

/** Statistics of one version: calls by procedure number, and look-ups by program. */
export const rpcb_stat = struct("rpcb_stat", {
  info: fixedArray(int, RPCBSTAT_HIGHPROC),
  setinfo: int,
  unsetinfo: int,
  addrinfo: linkedList(rpcbs_addr, RPCBIND_ENTRIES_MAX),
  rmtinfo: linkedList(rpcbs_rmtcall, RPCBIND_ENTRIES_MAX),
});
export type RpcbStat = Static<typeof rpcb_stat>;

const procedures = {
  RPCBPROC_NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  RPCBPROC_SET: { number: 1, args: rpcb, result: bool, from: "local" },
  RPCBPROC_UNSET: { number: 2, args: rpcb, result: bool, from: "local" },
  /** Returns a universal address; empty for an unregistered program. */
  RPCBPROC_GETADDR: { number: 3, args: rpcb, result: text, from: "any" },
  RPCBPROC_DUMP: { number: 4, args: nothing, result: rpcblist, from: "dump" },
  /** Forwards a call. Arguments and results are not declared, since this call is neither sent nor answered. */
  RPCBPROC_CALLIT: { number: 5, args: nothing, result: nothing, from: "any" },
  RPCBPROC_GETTIME: { number: 6, args: nothing, result: uint, from: "any" },
  RPCBPROC_UADDR2TADDR: { number: 7, args: text, result: netbuf, from: "any" },
  RPCBPROC_TADDR2UADDR: { number: 8, args: netbuf, result: text, from: "any" },
} as const;

export const rpcbindV3 = program("rpcbind", PMAP_PROG, RPCB_VERS_3, procedures);

/** RPCBPROC_BCAST of version 4 is RPCBPROC_CALLIT of version 3. */
export const rpcbindV4 = program("rpcbind", PMAP_PROG, RPCB_VERS_4, {
  ...procedures,
  RPCBPROC_GETVERSADDR: { number: 9, args: rpcb, result: text, from: "any" },
  /** Forwards a call, and reports failures to the caller; not declared either. */
  RPCBPROC_INDIRECT: { number: 10, args: nothing, result: nothing, from: "any" },
  RPCBPROC_GETADDRLIST: {
    number: 11,
    args: rpcb,
    result: linkedList(rpcb_entry, RPCBIND_ENTRIES_MAX),
    from: "any",
  },
  RPCBPROC_GETSTAT: {
    number: 12,
    args: nothing,
    result: fixedArray(rpcb_stat, RPCBVERS_STAT),
    from: "dump",
  },
});
