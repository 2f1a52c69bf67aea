/**
 * Who may call which procedure of program 100024, from the row's `from` and the caller's address.
 *
 * A refused caller is told so by the procedure's own result, as nfs-utils does.
 *
 * Source: rpc.statd(8); CERT CA-99-05 (calls relayed for strangers).
 */

import type { DispatchHooks, Verdict } from "../rpc/dispatch.ts";
import type { Procedure } from "../rpc/program.ts";
import type { Caller } from "../rpc/transport.ts";

/** Ports below this one are given to privileged processes only. */
export const RESERVED_PORT_END = 1024;

/** What the administrator decides about access. */
export interface AccessSettings {
  /** Whether anybody may call SM_SIMU_CRASH at all. */
  readonly simuCrashAllowed: boolean;
  /** Whether the procedures of lock managers want a reserved port. */
  readonly monReservedPort: boolean;
}

/** Why a caller may not call a procedure, as the end of a log line; nothing if it may. */
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

/** Whether an address may call at all; `tryLater` when that cannot be found out now. */
export type Admission = "admitted" | "denied" | "tryLater";

/** What the access rule is made of. */
export interface AccessParts {
  /** Asked each time. */
  readonly settings: () => AccessSettings;
  /** Whether an address of another host may call at all; a promise where that has to be found out. */
  readonly admits: (address: string) => Admission | Promise<Admission>;
  /** Is told of each call that a procedure refuses. */
  readonly refused: (procedureName: string, caller: Caller, fault: string) => void;
  /** Is told of each call of an address that may not call. */
  readonly denied: (caller: Caller) => void;
}

/** The access rule for dispatch. */
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
    const admission = caller.isLocal ? "admitted" : admits(caller.address);
    return admission instanceof Promise ? admission.then(decide) : decide(admission);
  };
}

type AccessRule = DispatchHooks["access"];
