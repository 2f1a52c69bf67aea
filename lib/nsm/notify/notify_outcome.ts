/** Outcomes of notifying, for reports. */

import { quote } from "../../quote.ts";
import type { NotifyRecord } from "../ports.ts";

/** Outcome of one record. */
export interface NotifyReport {
  readonly record: NotifyRecord;
  readonly outcome: "told" | "gave up" | "forgotten";
  /** Address at which it was told, or tried last. */
  readonly address: string | undefined;
  readonly transport: "udp" | "tcp" | undefined;
  readonly attempts: number;
  readonly elapsedMs: number;
  readonly fault: string | undefined;
}

/** A turn of a record's peer that has failed. */
export interface NotifyFailure {
  readonly record: NotifyRecord;
  readonly address: string | undefined;
  readonly reason: string;
  readonly attempts: number;
  /** Time until it is tried again, in ms. */
  readonly nextMs: number;
  /** The reason is a new one. */
  readonly isNew: boolean;
}

/** Progress of a run. */
export interface NotifyCounts {
  readonly total: number;
  readonly told: number;
  /** Taken from the list by somebody else. */
  readonly forgotten: number;
  readonly gaveUp: number;
  /** Tried at least once, without success so far. */
  readonly failing: number;
}

/** A name in a line that scripts may look for: without quotes, but as harmless as with them. */
export function withoutQuotes(name: string): string {
  return quote(name).replace(/^"(.*)"(…?)$/, "$1$2");
}
