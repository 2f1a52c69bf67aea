/** Facts of a report, and its sentences. */

import type { DatedEvent } from "../store/event_file.ts";
import type { Peer } from "./peers.ts";
import type { Recovery } from "./recovery.ts";
import type { StatusFacts } from "./report_status.ts";
import { localText, spanText } from "./text.ts";

/** Facts of a report. */
export interface ReportFacts extends StatusFacts {
  readonly host: string;
  /** Time of the report, in ms since 1970. */
  readonly at: number;
  readonly stateDirectory: string;
  readonly recovery: Recovery | undefined;
  /** Number of read errors of lists and history; absent values are unknown then. */
  readonly unread?: number;
  readonly peers: readonly Peer[];
  readonly events: readonly DatedEvent[];
}

/** Sentence about the daemon's health. */
export function healthLine({ status, statusFault = "unknown" }: StatusFacts): string {
  if (status === undefined) return `Health: not known, ${statusFault}.`;
  return `Health: ${status.health}${
    status.faults.length === 0 ? "" : `, ${status.faults.join("; ")}`
  }.`;
}

/** Sentence about the last recovery. */
export function recoveryLine(
  { recovery, unread = 0 }: Pick<ReportFacts, "recovery" | "unread">,
): string {
  if (recovery === undefined && unread > 0) return "Last recovery: not known.";
  if (recovery === undefined) return "The history has no recovery: no peer was told of a reboot.";
  const { startedAt, endedAt, isGoingOn, total, told, left, stateNumber } = recovery;
  const state = stateNumber === undefined ? "" : ` of state ${stateNumber}`;
  const end = endedAt !== undefined
    ? `, ended after ${spanText(endedAt - startedAt)}`
    : isGoingOn
    ? ", in progress"
    : ", cut short";
  return `Last recovery: started ${localText(startedAt)}${end}; ` +
    `${told.length} of ${total} peers told${state}, ${left.length} not told.`;
}
