/**
 * Procedure of a lock manager that a status monitor calls. The lock manager gave program, version and
 * procedure number in SM_MON.
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

/** The table of a lock manager that registered with these numbers. */
export function nlmCallback(prog: number, vers: number, proc: number) {
  return program("nlm", prog, vers, {
    NLM_SM_NOTIFY: { number: proc, args: status, result: nothing, from: "any" },
  });
}

/** Procedure 0 of a lock manager, which only answers (RFC 1813 appendix II). */
export function nlmNull(prog: number, vers: number) {
  return program("nlm", prog, vers, {
    NLM_NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  });
}

/**
 * The (version, procedure) pairs under which known lock managers want to be called. Linux and ganesha
 * use 16, older Linux kernels 24, in whatever version; FreeBSD and macOS procedure 1 of version 0;
 * illumos procedure 17 of version 2. Anything else would let a local user have us call any procedure of
 * the lock manager from our privileged port (CERT CA-99-05).
 */
export function isCallbackProcedure(prog: number, vers: number, proc: number): boolean {
  if (prog !== NLM_PROG) return false;
  return proc === 16 || proc === 24 || (vers === 0 && proc === 1) || (vers === 2 && proc === 17);
}
