/** Loading of the monitor list, and of what an earlier life knew of the peers. */

import type { Monitored, MonitorList } from "../nsm/monitor_list.ts";
import type { PeerDirectory } from "../nsm/peer_directory.ts";
import { reasonOf } from "../nsm/ports.ts";
import { inSlices, type SliceParts } from "../time/slices.ts";
import type { WatchedStore } from "../nsm/watched_store.ts";

/** Sources and targets of a load. */
export interface LoadParts extends SliceParts {
  readonly store: WatchedStore;
  readonly list: MonitorList;
  readonly directory: PeerDirectory;
  /** Has a lock manager told of a state that an earlier life has promised to tell. */
  readonly announce: (monitored: Monitored, state: number) => void;
  /** Called when the list is whole. */
  readonly loaded: () => void;
  /** Tells whether a peer is on the notify list, so that its facts are still of use. */
  readonly isToBeNotified: (peer: string) => boolean;
}

/**
 * Loads the list; a short one at once.
 *
 * @returns Nothing when it is whole; else what settles when it is, or when it was ended early.
 * @throws {StoreError} When there is no list.
 */
export function loadList(parts: LoadParts): Promise<void> | undefined {
  const work = load(parts);
  work.next(); // looks for the list
  return inSlices(work, parts);
}

/** All of it in small steps. Nothing of it stays in memory when it has come to its end. */
function* load(
  { store, list, directory, announce, loaded, isToBeNotified }: LoadParts,
): Generator<void, void> {
  const records = store.load()[Symbol.iterator]();
  let next = records.next();
  yield;
  yield* directory.remember();
  for (; next.done !== true; next = records.next()) {
    const record = next.value;
    directory.add(record.monName, store.otherNames(record.monName));
    if (list.find(record) === undefined) {
      const known = directory.remembered(record.monName);
      const monitored = list.addStored(record, known);
      if (known?.isOwed) announce(monitored, known.lastState);
    }
    yield;
  }
  loaded();
  yield* directory.retain((peer) => list.has(peer), isToBeNotified);
  try {
    store.check();
  } catch (error) {
    store.refused(`Nobody new can be monitored now: ${reasonOf(error)}`, error);
  }
}
