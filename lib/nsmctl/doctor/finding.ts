/** What `nsmctl doctor` finds: what is wrong, how one can see it, and how to mend it. */

/** `error`: locking fails. `warning`: it will, or something is lost. `note`: worth knowing. */
export type Severity = "error" | "warning" | "note";

/** Every finding there is, with how bad it is. The names stay as they are: scripts look for them. */
export const FINDINGS = {
  "state-directory-missing": "error",
  "state-owner-differs": "error",
  "state-not-writable": "error",
  "state-owner-root": "warning",
  "state-on-tmpfs": "warning",
  "state-number-even": "warning",
  "notify-list-left": "warning",
  "records-damaged": "warning",
  "records-stale": "warning",
  "rpcbind-missing": "error",
  "rpcbind-silent": "error",
  "hosts-deny-loopback": "error",
  "statd-not-running": "error",
  "statd-silent": "error",
  "statd-other-namespace": "error",
  "statd-not-registered": "error",
  "statd-other-directory": "warning",
  "statd-degraded": "warning",
  "own-address-filtered": "warning",
  "port-ephemeral": "warning",
  "lockd-not-registered": "warning",
  "lockd-no-module": "warning",
  "local-state-differs": "warning",
  "name-unresolvable": "error",
  "name-service-silent": "error",
  "name-not-qualified": "warning",
  "name-reverse-mismatch": "warning",
  "unit-masked": "warning",
  "config-faulty": "warning",
  "not-root": "note",
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingName = keyof typeof FINDINGS;

export interface Finding {
  readonly name: FindingName;
  readonly severity: Severity;
  readonly what: string;
  readonly evidence: string;
  readonly fix: string;
}

/** Makes a finding. */
export function finding(
  name: FindingName,
  parts: { readonly what: string; readonly evidence: string; readonly fix: string },
): Finding {
  return { name, severity: FINDINGS[name], ...parts };
}
