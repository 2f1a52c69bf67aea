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
 * Removes registrations. `myName` is what the callout is told, where it is not that of each record.
 *
 * @throws {StoreError} (as a rejection) When the disk refuses; memory stays what the disk is.
 */
export async function removeRegistrations(
  { list, store, directory, callout }: RemovalParts,
  removed: readonly Monitored[],
  myName?: string,
): Promise<void> {
  const forgotten = removed.filter((monitored) => list.remove(monitored));
  for (const { record } of removed) {
    await callout()?.unmonitored(record.monName, myName ?? record.myName);
  }
  try {
    await store.remove(removed.map(({ record }) => record));
  } catch (error) {
    for (const monitored of removed) list.restore(monitored);
    throw error;
  }
  if (list.size === 0) store.tidy();
  for (const { record } of forgotten) {
    if (!list.has(record.monName)) directory.remove(record.monName);
  }
}
