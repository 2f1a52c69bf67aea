/**
 * Access rule of program 100024: decides by a row's `from` and the caller's address.
 *
 * A refused caller gets the procedure's own failure result, as with nfs-utils.
 *
 * Source: rpc.statd(8); CERT CA-99-05 (calls relayed for strangers).
 */

import type { DispatchHooks, Verdict } from "../rpc/dispatch.ts";
import type { Procedure } from "../rpc/program.ts";
import type { Caller } from "../rpc/transport.ts";

/** End of the reserved ports: only privileged processes can bind a port below this one. */
export const RESERVED_PORT_END = 1024;

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

/** Verdict on an address; `tryLater` when the name service has no answer yet. */
export type Admission = "admitted" | "denied" | "tryLater";

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

/** Makes the access rule for dispatch. */
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
