/** The daemon's report on itself. */

import type { Health } from "./health.ts";

/** Warnings or errors of one kind: the last of them. */
export interface Problem {
  /** Occurrences, in number. */
  readonly count: number;
  /** When it was over, ISO 8601; absent where that is not known. */
  readonly resolvedAt?: string;
  /** ISO 8601. */
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
  /** The kernel's identifier of this boot; absent where it does not tell. */
  readonly bootId?: string;
  readonly stateDirectory: string;
  /** As the kernel names it; absent where it does not tell. */
  readonly networkNamespace?: string;
  readonly transports: readonly {
    readonly netid: string;
    readonly address: string;
    readonly port: number;
  }[];
  /** The verdict, and the reasons for it, the worst first. */
  readonly health: Health;
  readonly faults: readonly string[];
  /** Why we are not registered with rpcbind; absent while we are. */
  readonly registrationFault?: string;
  readonly peers: number;
  readonly registrations: number;
  /** Peers whose addresses are not known yet. */
  readonly unresolvedPeers: number;
  /** Notices that were answered and wait for addresses of peers. */
  readonly keptNotices: number;
  /** Peers on the notify list at the last look. */
  readonly toBeNotified: number;
  readonly callbacks: { readonly pending: number };
  readonly counters: Readonly<Record<string, number>>;
  /** Things that work less well than they should, in words. */
  readonly degraded: readonly string[];
  /** The last warnings and errors, newest last. */
  readonly problems: readonly Problem[];
}
