/** Findings of `nsmctl doctor`: what is wrong, the evidence, and the remedy. */

/**
 * `error`: locking fails, and `nsmctl status` says so as well where a daemon answers. `warning`: it
 * may fail later, or something is lost; only doctor looks for most of these. `note`: worth knowing.
 */
export type Severity = "error" | "warning" | "note";

/** All findings with their severity. The names are an interface: scripts depend on them. */
export const FINDINGS = {
  "state-directory-missing": "error",
  "state-directory-hidden": "error",
  "state-owner-differs": "error",
  "state-not-writable": "error",
  "state-owner-root": "warning",
  "state-on-tmpfs": "warning",
  "state-number-even": "warning",
  "state-number-doubtful": "warning",
  "state-number-lost": "error",
  "disk-full": "error",
  "records-missing": "error",
  "records-unknown": "warning",
  "records-owner": "error",
  "records-damaged": "warning",
  "records-stale": "warning",
  "clock-implausible": "warning",
  "reboot-not-told": "error",
  "notify-list-left": "warning",
  "notify-stopped": "error",
  "loopback-missing": "error",
  "rpcbind-missing": "error",
  "rpcbind-silent": "error",
  "rpcbind-unreachable": "error",
  "hosts-deny-loopback": "error",
  "hosts-deny-peers": "warning",
  "statd-not-running": "error",
  "statd-silent": "error",
  "statd-other-namespace": "error",
  "statd-not-registered": "error",
  "statd-other-directory": "warning",
  "statd-other-user": "warning",
  "statd-other-program": "error",
  "statd-degraded": "warning",
  "statd-failed": "error",
  "statd-replaced": "warning",
  "statd-limits": "warning",
  "port-taken": "error",
  "pid-file-wrong": "warning",
  "log-nowhere": "warning",
  "own-address-filtered": "warning",
  "own-address-gone": "error",
  "identity-not-held": "warning",
  "identity-taken": "warning",
  "identity-faulty": "warning",
  "ledger-unreachable": "warning",
  "ledger-not-usable": "warning",
  "port-ephemeral": "warning",
  "lockd-not-registered": "error",
  "lockd-silent": "error",
  "lockd-no-module": "error",
  "callbacks-waiting": "error",
  "local-state-differs": "warning",
  "name-unresolvable": "warning",
  "name-service-silent": "warning",
  "name-not-qualified": "warning",
  "name-reverse-mismatch": "warning",
  "name-elsewhere": "warning",
  "name-changed": "warning",
  "peers-without-address": "warning",
  "peers-unreachable": "warning",
  "peers-other-family": "warning",
  "notices-doubtful": "warning",
  "callout-unusable": "error",
  "callout-hangs": "warning",
  "unit-masked": "warning",
  "config-faulty": "warning",
  "settings-not-in-effect": "warning",
  "not-root": "note",
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingName = keyof typeof FINDINGS;

/** Parts of a finding. */
export interface FindingParts {
  readonly what: string;
  readonly evidence: string;
  /** Remedy as a sentence. */
  readonly fix: string;
  /** Command lines of the remedy, for root's shell; none if a person has to decide. */
  readonly commands?: readonly string[];
}

export interface Finding extends FindingParts {
  readonly name: FindingName;
  readonly severity: Severity;
  readonly commands: readonly string[];
}

export function finding(name: FindingName, parts: FindingParts): Finding {
  const commands = [...new Set(parts.commands)];
  return { ...parts, name, severity: FINDINGS[name], commands };
}
