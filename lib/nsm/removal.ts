/** Taking registrations off the monitor list: in memory, for the callout, on disk, in this order. */

import type { Log } from "../log.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import { type Callout, type MonitorStore, reasonOf } from "./ports.ts";

/** What a removal works with. */
export interface RemovalParts {
  readonly list: MonitorList;
  readonly store: MonitorStore;
  readonly directory: PeerDirectory;
  /** The administrator's program, if there is one now. */
  readonly callout: () => Callout | undefined;
  readonly log: Log;
}

/**
 * Removes registrations. `myName` is what the callout is told, where it is not that of each record.
 *
 * @throws {StoreError} (as a rejection) When the disk refuses; memory stays what the disk is.
 */
export async function removeRegistrations(
  { list, store, directory, callout, log }: RemovalParts,
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
    log.error(reasonOf(error));
    throw error;
  }
  for (const { record } of forgotten) {
    if (!list.has(record.monName)) directory.remove(record.monName);
  }
}
