/**
 * Removal: takes registrations off the monitor list in memory, drops their callbacks, runs the
 * callout, then removes them from disk, in this order.
 */

import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import type { Callout, MonitorStore } from "./ports.ts";
import type { Renewed } from "./renewals.ts";

/** Dependencies of a removal. */
export interface RemovalParts {
  readonly list: MonitorList;
  readonly store: MonitorStore;
  readonly directory: PeerDirectory;
  /** Callout configured now. */
  readonly callout: () => Callout | undefined;
  /**
   * Drops the waiting callback of a registration that leaves the list; returns the function that
   * starts it again, for a registration that stays because the disk refuses its removal.
   */
  readonly suspend?: (monitored: Monitored) => () => void;
  /** Called for each registration removed permanently. */
  readonly removed?: (monitored: Monitored) => void;
}

/**
 * Registrations removed per batch: one group commit. Other work runs between batches. A small batch
 * is garbage before V8's young generation is full, and seldom reaches old space.
 */
const TOGETHER_MAX = 32;

/**
 * Removes registrations. `myName` replaces each record's own in the callout. A registration that is
 * made again meanwhile stays.
 *
 * @throws {StoreError} (as a rejection) When the disk refuses; memory then equals the disk.
 */
export async function removeRegistrations(
  parts: RemovalParts,
  removed: readonly Monitored[],
  myName?: string,
): Promise<void> {
  if (removed.length > TOGETHER_MAX) {
    const { renewals } = parts.list;
    await renewals.during((renewed) => removeMany(parts, removed, renewed, myName));
  } else if (removed.length > 0) await removeTogether(parts, removed, myName);
}

async function removeMany(
  parts: RemovalParts,
  removed: readonly Monitored[],
  renewed: Renewed,
  myName: string | undefined,
): Promise<void> {
  // An entry stays once the disk has taken an SM_MON, whatever SM_MON calls come behind that one.
  const isRenewed = ({ stored }: Monitored) => stored !== undefined && renewed.has(stored);
  for (let at = 0; at < removed.length; at += TOGETHER_MAX) {
    const batch = removed.slice(at, at + TOGETHER_MAX);
    for (;;) {
      // SM_SIMU_CRASH or SM_UNMON and SM_MON may have replaced an entry.
      const listed = batch.map((monitored) => parts.list.find(monitored.record) ?? monitored)
        .filter((monitored) => !isRenewed(monitored));
      const undecided = listed.flatMap(({ record }) => renewed.get(record) ?? []);
      if (undecided.length === 0) {
        await removeTogether(parts, listed, myName);
        break;
      }
      await Promise.all(undecided);
    }
  }
}

async function removeTogether(
  { list, store, directory, callout, suspend, removed: settled }: RemovalParts,
  removed: readonly Monitored[],
  myName: string | undefined,
): Promise<void> {
  const leaving = Promise.withResolvers<void>();
  leaving.promise.catch(() => {}); // may have no waiter
  const earlier = list.leave(removed, leaving.promise);
  const suspended = removed.map((monitored) => ({ monitored, resume: suspend?.(monitored) }));
  const program = callout();
  // The disk keeps the records until the waiting is over.
  if (program !== undefined || earlier.length > 0) {
    store.dropped(removed.map(({ record }) => record.monName));
  }
  if (program !== undefined) {
    for (const { record } of removed) {
      await program.unmonitored(record.monName, myName ?? record.myName);
    }
  }
  try {
    // An earlier removal may fail and leave the record on disk, where this one finds it.
    if (earlier.length > 0) await Promise.all(earlier);
    const records = removed.map(({ record }) => record);
    await store.remove(records, (record) => list.isMadeAnew(record, removed));
  } catch (error) {
    for (const { monitored, resume } of suspended) {
      list.left(monitored, false);
      // Another SM_MON may have taken its place.
      if (list.find(monitored.record) === monitored) resume?.();
    }
    leaving.reject(error);
    throw error;
  }
  for (const monitored of removed) list.left(monitored, true);
  leaving.resolve();
  if (list.size === 0) store.tidy(removed.length > 1);
  for (const monitored of removed) {
    settled?.(monitored);
    const { monName } = monitored.record;
    // An unread file may have another registration, which may be owed a callback.
    if (!list.has(monName) && store.unread === 0) directory.remove(monName);
  }
}
