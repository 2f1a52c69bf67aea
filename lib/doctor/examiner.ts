/** Context of the checks of `nsmctl doctor`. */

import type { StatdSettings } from "../config/settings.ts";
import type { Reached } from "../control/client.ts";
import type { ListEntry } from "../control/protocol.ts";
import type { Resolver } from "../nsm/ports.ts";
import { ownNetworkNamespace } from "../platform/proc.ts";
import type { Layout } from "../store/layout.ts";
import type { PeerCalls } from "../net/peer_calls.ts";
import type { StatusReport } from "../control/status_report.ts";
import type { ReadFile, StateReader } from "../nsmctl/state_directory.ts";
import type { Finding } from "./finding.ts";
import type { Remedies } from "./remedies.ts";
import type { Clock } from "../time/clock.ts";

/** Timeout of any answer on this host, in ms. */
export const LOCAL_TIMEOUT_MS = 2_000;

/** Result of asking the daemon. */
export type DaemonAnswer =
  | {
    readonly outcome: "answered";
    readonly report: StatusReport;
    readonly entries: readonly ListEntry[];
  }
  | { readonly outcome: "absent" }
  /** Another file system was mounted over the directory that it serves. */
  | { readonly outcome: "hidden"; readonly pid: number; readonly point: string }
  /** The daemon answers, and its process is not visible: `pid` is that of its own namespace. */
  | { readonly outcome: "elsewhere"; readonly pid: number }
  /** The socket has a listener, which does not answer, or not this user; see {@link Reached}. */
  | Extract<Reached, { outcome: "failed" }>;

/** Setting that cannot be used. */
export interface SettingFault {
  readonly message: string;
  /** `FILE:LINE`, if known. */
  readonly source: string;
  readonly key: string;
  /** Probably intended key, or section, if this one is mistyped. */
  readonly meant?: string | undefined;
  /** Section, if its name is mistyped. */
  readonly section?: string;
}

/** Files of both lists. */
export interface ListFiles {
  readonly monitored: readonly ReadFile[];
  readonly toBeNotified: readonly ReadFile[];
}

export interface Examiner {
  readonly layout: Layout;
  /** The directory was not named on the command line. */
  readonly isDefaultDirectory: boolean;
  readonly reader: StateReader;
  /** Files of both lists, read once. @throws {StoreError} */
  readonly files: () => ListFiles;
  /** Settings that statd would start with; undefined if they are unusable. */
  readonly settings: StatdSettings | undefined;
  /** Faults of the settings. */
  readonly settingFaults: readonly SettingFault[];
  /** Command lines that restore the default of a setting; empty if no file sets it. */
  readonly unset: (key: string) => string[];
  readonly daemon: DaemonAnswer;
  /** Asks the daemon once more, for changes meanwhile. */
  readonly askAgain: () => Promise<DaemonAnswer>;
  readonly calls: PeerCalls;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly isRoot: boolean;
  readonly bootId: string;
  readonly remedies: Remedies;
}

/** Findings of a check, as far as it was made; or the reason why it was skipped. */
export type Checked =
  | readonly Finding[]
  | { readonly findings: readonly Finding[]; readonly except: string | undefined }
  | { readonly skipped: string };

/** Result of one check. */
export interface Examined {
  readonly about: string;
  readonly findings: readonly Finding[];
  /** Reason why it was skipped. */
  readonly skipped?: string;
  /** Subjects that were not checked. */
  readonly except?: string;
}

export interface Check {
  /** Statement that is true without findings: `the state directory is complete`. */
  readonly about: string;
  /** Whether a finding makes the later checks of its row meaningless. */
  readonly isBasis?: true;
  run(examiner: Examiner): Checked | Promise<Checked>;
}

/** Report of the daemon; undefined without an answer. */
export function reportOf({ daemon }: Examiner): StatusReport | undefined {
  return daemon.outcome === "answered" ? daemon.report : undefined;
}

/** Report of the daemon, if it is in our network namespace. */
export function reportHere(examiner: Examiner): StatusReport | undefined {
  const report = reportOf(examiner);
  const own = ownNetworkNamespace();
  const isElsewhere = own !== undefined && (report?.networkNamespace ?? own) !== own;
  return isElsewhere ? undefined : report;
}

/** Remedy by a restart. Records that could not be written are only in the daemon's memory. */
export function restartOnceSafe({ degraded, pid }: StatusReport, { remedies }: Examiner) {
  return degraded.length === 0
    ? { fix: "restart it: its records are on disk", commands: remedies.restartStatd(pid) }
    : { fix: "fix the other findings first, then restart it", commands: [] };
}

/** Result of a check that needs {@link reportHere}. */
export const NOT_ANSWERED_HERE = { skipped: "no daemon of this network has answered" };

const NAMES_SHOWN = 3;

/** Number of unchecked subjects beyond a limit, as text; undefined if there are none. */
export function beyond(max: number, count: number, what: string): string | undefined {
  return count > max ? `${count - max} of ${count} ${what}` : undefined;
}

/** First few texts, and the number of remaining ones. */
export function someOf(texts: readonly string[]): string {
  const some = texts.slice(0, NAMES_SHOWN).join(", ");
  return texts.length > NAMES_SHOWN ? `${some} and ${texts.length - NAMES_SHOWN} more` : some;
}
