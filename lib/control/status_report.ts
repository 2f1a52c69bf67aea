/** Status report of the daemon. */

import type { Health } from "./health.ts";

/** Warnings or errors of one kind, shown by the last of them. */
export interface Problem {
  /** Number of occurrences. */
  readonly count: number;
  /** End of the problem, in ISO 8601; absent if unknown. */
  readonly resolvedAt?: string;
  /** Last occurrence, in ISO 8601. */
  readonly at: string;
  readonly level: "error" | "warning";
  readonly message: string;
}

export interface StatusReport {
  readonly version: string;
  readonly pid: number;
  readonly uid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  readonly stateNumber: number;
  /** Boot id from the kernel; absent if not available. */
  readonly bootId?: string;
  readonly stateDirectory: string;
  /** Network namespace as the kernel names it; absent if not available. */
  readonly networkNamespace?: string;
  readonly transports: readonly {
    readonly netid: string;
    readonly address: string;
    readonly port: number;
  }[];
  /** Verdict, and its reasons, worst first. */
  readonly health: Health;
  readonly faults: readonly string[];
  /** Why we are not registered with rpcbind; absent while we are. */
  readonly registrationFault?: string;
  readonly peers: number;
  readonly registrations: number;
  /** Peers of which no address is known, as `nsmctl list` counts them. */
  readonly unresolvedPeers: number;
  /** Notices answered that wait for addresses of peers. */
  readonly keptNotices: number;
  /** Peers on the notify list at the last check. */
  readonly toBeNotified: number;
  readonly callbacks: { readonly pending: number };
  readonly counters: Readonly<Record<string, number>>;
  /** Faults that reduce the service, as texts. */
  readonly degraded: readonly string[];
  /** Last warnings and errors, newest last. */
  readonly problems: readonly Problem[];
}
