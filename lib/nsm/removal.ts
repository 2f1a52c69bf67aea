/** Taking registrations off the monitor list: in memory, for the callout, on disk, in this order. */

import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import type { Callout, MonitorStore } from "./ports.ts";

/** What a removal works with. */
export interface RemovalParts {
  readonly list: MonitorList;
  readonly store: MonitorStore;
  readonly directory: PeerDirectory;
  /** The administrator's program, if there is one now. */
  readonly callout: () => Callout | undefined;
}

/**
 * Registrations taken off together, in number: what the disk makes lasting at one time. Between them
 * everybody else has a turn.
 */
const TOGETHER_MAX = 128;

/**
 * Removes registrations. `myName` is what the callout is told, where it is not that of each record. One
 * that is made anew meanwhile stays.
 *
 * @throws {StoreError} (as a rejection) When the disk refuses; memory stays what the disk is.
 */
export async function removeRegistrations(
  parts: RemovalParts,
  removed: readonly Monitored[],
  myName?: string,
): Promise<void> {
  const meant = removed.map((monitored) => ({ monitored, record: monitored.record }));
  for (let at = 0; at < meant.length; at += TOGETHER_MAX) {
    const together = meant.slice(at, at + TOGETHER_MAX)
      .filter(({ monitored, record }) => monitored.record === record)
      .map(({ monitored }) => monitored);
    await removeTogether(parts, together, myName);
  }
}

async function removeTogether(
  { list, store, directory, callout }: RemovalParts,
  removed: readonly Monitored[],
  myName: string | undefined,
): Promise<void> {
  const forgotten = removed.filter((monitored) => list.remove(monitored));
  const program = callout();
  if (program !== undefined) {
    for (const { record } of removed) {
      await program.unmonitored(record.monName, myName ?? record.myName);
    }
  }
  try {
    // Who asks to monitor one of them again meanwhile has its record.
    const gone = removed.map(({ record }) => record).filter((record) => !list.find(record));
    await store.remove(gone);
  } catch (error) {
    for (const monitored of removed) list.restore(monitored);
    throw error;
  }
  if (list.size === 0) store.tidy();
  for (const { record } of forgotten) {
    if (!list.has(record.monName)) directory.remove(record.monName);
  }
}
