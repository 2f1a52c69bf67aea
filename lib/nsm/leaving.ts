/** Registrations whose removal from disk is in progress. */

import type { Monitored } from "./monitor_list.ts";

/** Registration taken off the list that may still be on disk. */
export interface Leaving {
  readonly monitored: Monitored;
  /** Settles when the removal is on disk; rejects when the disk refuses. */
  readonly gone: Promise<void>;
}

/**
 * Gives a registration the record that a failed removal of an earlier entry has left on disk, unless
 * the disk has taken a newer record. A refused record gives way.
 */
export function inherit(monitored: Monitored, { stored }: Monitored): void {
  if (stored === undefined || monitored.stored !== undefined) return;
  monitored.stored = stored;
  if (monitored.isUncertain) monitored.record = stored;
}
