/** What the checks of `nsmctl doctor` look through. */

import type { StatdSettings } from "../config/settings.ts";
import type { ListEntry } from "../control/protocol.ts";
import type { Resolver } from "../nsm/ports.ts";
import { ownNetworkNamespace } from "../platform/proc.ts";
import type { Layout } from "../store/layout.ts";
import type { PeerCalls } from "../net/peer_calls.ts";
import type { StatusReport } from "../control/status_report.ts";
import type { StateReader } from "../nsmctl/state_directory.ts";
import type { Finding } from "./finding.ts";
import type { Remedies } from "./remedies.ts";
import type { Clock } from "../time/clock.ts";

/** How long anything on this host may take to answer, in ms. */
export const LOCAL_TIMEOUT_MS = 2_000;

/** What came of asking the daemon. */
export type DaemonAnswer =
  | {
    readonly outcome: "answered";
    readonly report: StatusReport;
    readonly entries: readonly ListEntry[];
  }
  | { readonly outcome: "absent" }
  /** Something was mounted over the directory that it serves. */
  | { readonly outcome: "hidden"; readonly pid: number; readonly point: string }
  /** Somebody listens there and does not answer, or not us. */
  | { readonly outcome: "failed"; readonly reason: string; readonly pid?: number };

/** A setting that cannot be used. */
export interface SettingFault {
  readonly message: string;
  /** `FILE:LINE`, where that is known. */
  readonly source: string;
  readonly key: string;
  /** The key that was meant, where this one is mistyped. */
  readonly meant?: string | undefined;
}

export interface Examiner {
  readonly layout: Layout;
  /** Nobody has named another directory. */
  readonly isDefaultDirectory: boolean;
  readonly reader: StateReader;
  /** What statd would start with; undefined where its settings cannot be used. */
  readonly settings: StatdSettings | undefined;
  /** What is wrong with them. */
  readonly settingFaults: readonly SettingFault[];
  /** Command lines that have the default of a setting count; none where no file has it. */
  readonly unset: (key: string) => string[];
  readonly daemon: DaemonAnswer;
  readonly calls: PeerCalls;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly isRoot: boolean;
  readonly bootId: string;
  readonly remedies: Remedies;
}

/** What came of a check: what is wrong, or why it was not made. */
export type Checked = readonly Finding[] | { readonly skipped: string };

/** One check. */
export interface Check {
  /** What is so where it finds nothing: `the state directory is complete`. */
  readonly about: string;
  /** Whether the checks behind it in its row mean nothing where it finds something. */
  readonly isBasis?: true;
  run(examiner: Examiner): Checked | Promise<Checked>;
}

/** The report of the daemon; undefined where none answered. */
export function reportOf({ daemon }: Examiner): StatusReport | undefined {
  return daemon.outcome === "answered" ? daemon.report : undefined;
}

/** The report of a daemon in the network of this process. */
export function reportHere(examiner: Examiner): StatusReport | undefined {
  const report = reportOf(examiner);
  const own = ownNetworkNamespace();
  const isElsewhere = own !== undefined && (report?.networkNamespace ?? own) !== own;
  return isElsewhere ? undefined : report;
}

const NAMES_SHOWN = 3;

/** The first of some texts, and how many there are beside them. */
export function someOf(texts: readonly string[]): string {
  const some = texts.slice(0, NAMES_SHOWN).join(", ");
  return texts.length > NAMES_SHOWN ? `${some} and ${texts.length - NAMES_SHOWN} more` : some;
}
