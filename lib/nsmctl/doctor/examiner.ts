/** What the checks of `nsmctl doctor` look through. */

import type { StatdSettings } from "../../config/settings.ts";
import type { Resolver } from "../../nsm/ports.ts";
import type { Layout } from "../../store/layout.ts";
import type { PeerCalls } from "../../net/peer_calls.ts";
import type { StatusReport } from "../../control/status_report.ts";
import type { StateReader } from "../read_state.ts";
import type { Finding } from "./finding.ts";
import type { Clock } from "../../time/clock.ts";

/** How long anything on this host may take to answer, in ms. */
export const LOCAL_TIMEOUT_MS = 2_000;

/** What came of asking the daemon. */
export type DaemonAnswer =
  | { readonly outcome: "answered"; readonly report: StatusReport }
  | { readonly outcome: "absent" }
  /** Somebody listens there and does not answer, or not us. */
  | { readonly outcome: "failed"; readonly reason: string };

export interface Examiner {
  readonly layout: Layout;
  readonly reader: StateReader;
  /** What statd would start with; undefined where its settings cannot be used. */
  readonly settings: StatdSettings | undefined;
  /** What is wrong with them. */
  readonly settingFaults: readonly string[];
  readonly daemon: DaemonAnswer;
  readonly calls: PeerCalls;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly isRoot: boolean;
  readonly bootId: string;
}

/** One group of checks. Of findings that follow from one cause only the cause is reported. */
export type Check = (examiner: Examiner) => Finding[] | Promise<Finding[]>;

/** The text of a small file; undefined where it is not there or not readable. */
export function textOf(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** Whether there is anything at a path. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
