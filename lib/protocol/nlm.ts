/**
 * Lock manager's callback procedure; its program, version and number come from SM_MON.
 *
 * Source: X/Open XNFS (C702) chapter 11 (`struct status`); RFC 1813 appendix II for program 100021.
 */

import { program } from "../rpc/program.ts";
import { struct } from "../xdr/struct.ts";
import { int, nothing, opaque, type Static, string } from "../xdr/types.ts";
import { SM_MAXSTRLEN, SM_PRIV_SIZE } from "./nsm.ts";

export const NLM_PROG = 100021;

/** `struct status { string mon_name<1024>; int state; opaque priv[16]; }` */
export const status = struct("status", {
  mon_name: string(SM_MAXSTRLEN),
  state: int,
  priv: opaque(SM_PRIV_SIZE),
});
export type Status = Static<typeof status>;

/** Table of a lock manager registered with these numbers. */
export function nlmCallback(prog: number, vers: number, proc: number) {
  return program("nlm", prog, vers, {
    NLM_SM_NOTIFY: { number: proc, args: status, result: nothing, from: "any" },
  });
}

/** Procedure 0 of a lock manager, for probing (RFC 1813 appendix II). */
export function nlmNull(prog: number, vers: number) {
  return program("nlm", prog, vers, {
    NLM_NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  });
}

/**
 * Whether a callback has numbers that known lock managers use: procedure 16 for Linux and ganesha,
 * 24 for older Linux kernels, in any version; procedure 1 of version 0 for FreeBSD and macOS;
 * procedure 17 of version 2 for illumos. With other numbers a local user could have us call any
 * procedure of the lock manager from our privileged port (CERT CA-99-05).
 */
export function isCallbackProcedure(prog: number, vers: number, proc: number): boolean {
  if (prog !== NLM_PROG) return false;
  return proc === 16 || proc === 24 || (vers === 0 && proc === 1) || (vers === 2 && proc === 17);
}
