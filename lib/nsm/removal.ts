/** Taking registrations off the monitor list: in memory, for the callout, on disk, in this order. */

import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import type { Callout, MonitorRecord, MonitorStore } from "./ports.ts";

/** What a removal works with. */
export interface RemovalParts {
  readonly list: MonitorList;
  readonly store: MonitorStore;
  readonly directory: PeerDirectory;
  /** The administrator's program, if there is one now. */
  readonly callout: () => Callout | undefined;
  /** Told of each registration that is gone for good: nobody may be called for it any more. */
  readonly removed?: (monitored: Monitored) => void;
}

/**
 * Registrations taken off together, in number: what the disk makes lasting at one time. Between them
 * everybody else has a turn. What is allocated for so few is garbage before the young generation is full,
 * and seldom reaches old space.
 */
const TOGETHER_MAX = 32;

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
  const records = removed.map(({ record }) => record);
  for (let at = 0; at < removed.length; at += TOGETHER_MAX) {
    const together = removed.slice(at, at + TOGETHER_MAX)
      .filter(({ record }, i) => record === records[at + i]);
    await removeTogether(parts, together, myName);
  }
}

async function removeTogether(
  { list, store, directory, callout, removed: settled }: RemovalParts,
  removed: readonly Monitored[],
  myName: string | undefined,
): Promise<void> {
  const leaving = Promise.withResolvers<void>();
  leaving.promise.catch(() => {}); // nobody has to wait for it
  list.leave(removed, leaving.promise);
  const program = callout();
  if (program !== undefined) {
    for (const { record } of removed) {
      await program.unmonitored(record.monName, myName ?? record.myName);
    }
  }
  try {
    // A registration made anew meanwhile keeps its record; one in another spelling has its own.
    const gone = removed.map(({ record }) => record)
      .filter((record) => !isSpelledAlike(list.find(record)?.record, record));
    await store.remove(gone);
  } catch (error) {
    for (const monitored of removed) list.left(monitored, false);
    leaving.reject(error);
    throw error;
  }
  for (const monitored of removed) list.left(monitored, true);
  leaving.resolve();
  if (list.size === 0) store.tidy();
  for (const monitored of removed) {
    settled?.(monitored);
    const { monName } = monitored.record;
    if (!list.has(monName)) directory.remove(monName);
  }
}

/** Whether two records of one registration are one on disk, where letter case counts. */
function isSpelledAlike(a: MonitorRecord | undefined, b: MonitorRecord): boolean {
  return a?.monName === b.monName && a.myName === b.myName;
}
