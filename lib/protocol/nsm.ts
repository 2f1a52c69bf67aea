/**
 * Network Status Monitor protocol, program 100024 version 1: its procedures, and who may call them.
 *
 * ```
 * #0 SM_NULL        void      -> void          #4 SM_UNMON_ALL   my_id     -> sm_stat
 * #1 SM_STAT        sm_name   -> sm_stat_res   #5 SM_SIMU_CRASH  void      -> void
 * #2 SM_MON         mon       -> sm_stat_res   #6 SM_NOTIFY      stat_chge -> void
 * #3 SM_UNMON       mon_id    -> sm_stat
 * ```
 *
 * Source: X/Open XNFS (C702) chapter 11. Access: rpc.statd(8); CERT CA-99-05 (calls relayed for
 * strangers).
 */

import type { Admission, DispatchHooks, Verdict } from "../rpc/dispatch.ts";
import { type Procedure, program } from "../rpc/program.ts";
import { type Caller, RESERVED_PORT_END } from "../rpc/transport.ts";
import { struct } from "../xdr/struct.ts";
import { enumeration, int, nothing, opaque, type Static, string } from "../xdr/types.ts";

export const SM_PROG = 100024;
export const SM_VERS = 1;
/** Longest host name on the wire, in bytes. */
export const SM_MAXSTRLEN = 1024;
/** Length of the requester's private data, in bytes. */
export const SM_PRIV_SIZE = 16;

/** enum res */
export const Res = { STAT_SUCC: 0, STAT_FAIL: 1 } as const;

/** `struct sm_name { string mon_name<1024>; }` */
export const sm_name = struct("sm_name", { mon_name: string(SM_MAXSTRLEN) });

/** `struct my_id { string my_name<1024>; int my_prog; int my_vers; int my_proc; }` */
export const my_id = struct("my_id", {
  my_name: string(SM_MAXSTRLEN),
  my_prog: int,
  my_vers: int,
  my_proc: int,
});
export type MyId = Static<typeof my_id>;

/** `struct mon_id { string mon_name<1024>; struct my_id my_id; }` */
export const mon_id = struct("mon_id", { mon_name: string(SM_MAXSTRLEN), my_id });

/** `struct mon { struct mon_id mon_id; opaque priv[16]; }` */
export const mon = struct("mon", { mon_id, priv: opaque(SM_PRIV_SIZE) });
export type Mon = Static<typeof mon>;

/** `struct stat_chge { string mon_name<1024>; int state; }` */
export const stat_chge = struct("stat_chge", { mon_name: string(SM_MAXSTRLEN), state: int });
export type StatChge = Static<typeof stat_chge>;

/** `struct sm_stat { int state; }` */
export const sm_stat = struct("sm_stat", { state: int });

/** `struct sm_stat_res { res res_stat; int state; }` */
export const sm_stat_res = struct("sm_stat_res", { res_stat: enumeration("res", Res), state: int });
export type SmStatRes = Static<typeof sm_stat_res>;

/**
 * Procedures. `from` is `any`, `local` (a loopback address) or `local-reserved` (a loopback address
 * and a port below 1024); {@link accessRule} enforces it.
 */
export const nsmV1 = program("nsm", SM_PROG, SM_VERS, {
  SM_NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  SM_STAT: { number: 1, args: sm_name, result: sm_stat_res, from: "any" },
  SM_MON: { number: 2, args: mon, result: sm_stat_res, from: "local" },
  SM_UNMON: { number: 3, args: mon_id, result: sm_stat, from: "local" },
  SM_UNMON_ALL: { number: 4, args: my_id, result: sm_stat, from: "local" },
  SM_SIMU_CRASH: { number: 5, args: nothing, result: nothing, from: "local-reserved" },
  SM_NOTIFY: { number: 6, args: stat_chge, result: nothing, from: "any" },
});

/** Access settings of the administrator. */
export interface AccessSettings {
  /** Whether SM_SIMU_CRASH is allowed at all. */
  readonly simuCrashAllowed: boolean;
  /** Whether lock managers' procedures require a reserved port. */
  readonly monReservedPort: boolean;
}

/** Reason why a caller may not call a procedure, as the end of a log line; undefined if it may. */
export function accessFault(
  { from }: Procedure,
  { address, port, isLocal }: Caller,
  { simuCrashAllowed, monReservedPort }: AccessSettings,
): string | undefined {
  if (from === "any") return undefined;
  if (!isLocal) return `call from non-local host ${address}`;
  const needsReservedPort = monReservedPort || from === "local-reserved";
  if (needsReservedPort && port >= RESERVED_PORT_END) return `call from unprivileged port ${port}`;
  const isForbidden = from === "local-reserved" && !simuCrashAllowed;
  return isForbidden ? `call from ${address} is not allowed by the settings` : undefined;
}

/** Dependencies of the access rule. */
export interface AccessParts {
  /** Called for each decision, since settings can be reloaded. */
  readonly settings: () => AccessSettings;
  /** Checks a remote caller against hosts.allow and hosts.deny; a promise if a look-up is needed. */
  readonly admits: (caller: Caller) => Admission | Promise<Admission>;
  /** Called for each call that a procedure refuses. */
  readonly refused: (procedureName: string, caller: Caller, fault: string) => void;
  /** Called for each call from an address that hosts.deny keeps out. */
  readonly denied: (caller: Caller) => void;
}

/**
 * Makes the access rule for dispatch. A refused caller gets the procedure's own failure result, as with
 * nfs-utils.
 */
export function accessRule({ settings, admits, refused, denied }: AccessParts): AccessRule {
  return (procedure, name, caller) => {
    const decide = (admission: Admission): Verdict => {
      if (admission === "tryLater") return "ignore";
      if (admission === "denied") {
        denied(caller);
        return "deny";
      }
      const fault = accessFault(procedure, caller, settings());
      if (fault === undefined) return "accept";
      refused(name, caller, fault);
      return "refuse";
    };
    const admission = caller.isLocal ? "admitted" : admits(caller);
    return admission instanceof Promise ? admission.then(decide) : decide(admission);
  };
}

type AccessRule = DispatchHooks["access"];
