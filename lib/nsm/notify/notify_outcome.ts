/** Results of notifying, for reports. */

import { quote } from "../../quote.ts";
import type { NotifyRecord } from "../ports.ts";

/** Result for one record. */
export interface NotifyReport {
  readonly record: NotifyRecord;
  readonly outcome: "told" | "gave up" | "forgotten";
  /** Address at which the peer was told, or tried last. */
  readonly address: string | undefined;
  readonly transport: "udp" | "tcp" | undefined;
  readonly attempts: number;
  readonly elapsedMs: number;
  readonly fault: string | undefined;
}

/** Failed turn of a record's peer. */
export interface NotifyFailure {
  readonly record: NotifyRecord;
  readonly address: string | undefined;
  readonly reason: string;
  readonly attempts: number;
  /** Time until the next attempt, in ms. */
  readonly nextMs: number;
  /** The reason differs from the previous one. */
  readonly isNew: boolean;
}

/** Progress of a run. */
export interface NotifyCounts {
  readonly total: number;
  readonly told: number;
  /** Records removed by an operator meanwhile. */
  readonly forgotten: number;
  readonly gaveUp: number;
  /** Peers with at least one failed turn and not settled. */
  readonly failing: number;
}

/** Name without quotes, for lines that scripts parse; escaped as harmlessly as with them. */
export function withoutQuotes(name: string): string {
  return quote(name).replace(/^"(.*)"(…?)$/, "$1$2");
}

/** Members of a report's JSON that sm-notify and nsmctl share. */
export function reportJson(
  { address, transport, attempts, elapsedMs, fault }: NotifyReport,
) {
  return {
    address: address ?? null,
    transport: transport ?? null,
    attempts,
    elapsed_ms: Math.round(elapsedMs),
    last_error: fault ?? null,
  };
}
