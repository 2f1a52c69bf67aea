/**
 * Who may call which procedure of program 100024, from the row's `from` and the caller's address.
 *
 * A refused caller is told so by the procedure's own result, as nfs-utils does.
 *
 * Source: rpc.statd(8); CERT CA-99-05 (calls relayed for strangers).
 */

import type { Verdict } from "../rpc/dispatch.ts";
import type { Procedure } from "../rpc/program.ts";
import type { Caller } from "../rpc/transport.ts";
import { isLoopback } from "../rpc/address.ts";

/** Ports below this one are given to privileged processes only. */
export const RESERVED_PORT_END = 1024;

/** Why a caller may not call a procedure, as the end of a log line; nothing if it may. */
export function accessFault(procedure: Procedure, caller: Caller): string | undefined {
  if (procedure.from === "any") return undefined;
  if (!isLoopback(caller.address)) return `call from non-local host ${caller.address}`;
  if (procedure.from === "local-reserved" && caller.port >= RESERVED_PORT_END) {
    return `call from unprivileged port ${caller.port}`;
  }
  return undefined;
}

/** What the administrator decides about access. */
export interface AccessSettings {
  /** Whether anybody may call SM_SIMU_CRASH at all. */
  readonly simuCrashAllowed: boolean;
}

/** The access rule for dispatch; `refused` is told of each refusal, `settings` asked each time. */
export function accessRule(
  refused: (procedureName: string, caller: Caller, fault: string) => void,
  settings: () => AccessSettings,
): (procedure: Procedure, name: string, caller: Caller) => Verdict {
  return (procedure, name, caller) => {
    const isForbidden = name === "SM_SIMU_CRASH" && !settings().simuCrashAllowed;
    const fault = isForbidden
      ? `call from ${caller.address} is not allowed by the settings`
      : accessFault(procedure, caller);
    if (fault === undefined) return "accept";
    refused(name, caller, fault);
    return "refuse";
  };
}
