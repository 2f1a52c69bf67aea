/** Loading of the monitor list, and of the peers' facts from an earlier run. */

import type { Announcer } from "../nsm/announcer.ts";
import { nameKey } from "../nsm/host_name.ts";
import { latestOf } from "../nsm/last_state.ts";
import type { Monitored, MonitorList } from "../nsm/monitor_list.ts";
import type { PeerDirectory } from "../nsm/peer_directory.ts";
import type { MonitorRecord } from "../nsm/ports.ts";
import type { Log } from "../log.ts";
import { sleep } from "../time/clock.ts";
import { inSlices, type SliceParts } from "../time/slices.ts";
import type { WatchedStore } from "../nsm/watched_store.ts";
import { reasonOf } from "../reason.ts";
import { ToldStates } from "../nsm/told_states.ts";

/** Sources and targets of a load. */
export interface LoadParts extends SliceParts {
  /** Ends the loading early. */
  readonly signal: AbortSignal;
  readonly store: WatchedStore;
  readonly list: MonitorList;
  readonly directory: PeerDirectory;
  readonly log: Log;
  readonly announcer: Pick<Announcer, "announceOwed" | "settleRead">;
  /** Called for each registration that is put on the list. */
  readonly listed: (monitored: Monitored) => void;
  /** Called when the list is complete. */
  readonly loaded: () => void;
  /** Whether a peer is on the notify list, so that its facts are still needed. */
  readonly isToBeNotified: (peer: string) => boolean;
}

/**
 * Loads the list; a short one synchronously.
 *
 * @returns Undefined if the list is complete; else a promise that settles when it is, or on abort.
 * @throws {StoreError} When the list cannot be read.
 */
export function loadList(parts: LoadParts): Promise<void> | undefined {
  const work = load(parts);
  work.next(); // opens the list
  return inSlices(work, parts);
}

/** Interval between retries of unreadable files, in ms: a file server is back within minutes. */
const READ_AGAIN_MS = 10_000;

/**
 * Retries the unreadable files of a loaded list until none is left or the signal is aborted. Their
 * peers were acknowledged, and without the files no lock manager is told of their reboots. Never
 * rejects.
 */
export async function readUnreadFiles(parts: LoadParts): Promise<void> {
  try {
    await keepReading(parts);
  } catch (error) {
    parts.log.error(`Unreadable files of records are not retried: ${reasonOf(error)}`);
  }
}

async function keepReading(parts: LoadParts): Promise<void> {
  const { store, clock, signal, log } = parts;
  while (store.unread > 0) {
    await sleep(clock.startTimer, READ_AGAIN_MS, signal);
    if (signal.aborted) return;
    const before = store.unread;
    await inSlices(readAgain(parts), parts);
    parts.announcer.settleRead();
    const read = before - store.unread;
    const files = read === 1 ? "a file" : `${read} files`;
    if (read > 0) log.notice(`Read ${files} of records that could not be read at the start`);
    if (store.unread === 0) await inSlices(settleAll(parts), parts);
  }
}

/** Settles what concerns no registration of the whole list, of which some were made before it was whole. */
function* settleAll(parts: LoadParts): Iterable<void> {
  const { directory: { news }, list } = parts;
  for (const peer of list.peerNames()) {
    news.settleYounger(peer, latestOf(list.about(peer))?.lastNotice);
    yield;
  }
  yield* retain(parts);
}

/** Forgets the facts of peers that are neither monitored nor to be notified. */
function* retain({ directory, list, isToBeNotified }: LoadParts): Iterable<void> {
  yield* directory.retain((peer) => list.has(peer), isToBeNotified);
}

function* readAgain(parts: LoadParts): Generator<void, void> {
  const { list, store } = parts;
  // The disk may refuse an SM_MON that is under way, and keep the record of the file.
  const isDecided = (record: MonitorRecord) => {
    const known = list.find(record);
    return known === undefined || known.stored !== undefined;
  };
  for (const records of store.loadUnread(isDecided)) {
    for (const record of records) take(parts, record);
    yield;
  }
}

/** Puts a loaded record on the list. */
function take(
  { store, list, directory, announcer, listed }: LoadParts,
  record: MonitorRecord,
): void {
  directory.add(record.monName, store.otherNames(record.monName));
  // A record of a file read late is not restored while an SM_UNMON removes it.
  if (list.find(record) !== undefined || list.leaving(record) !== undefined) return;
  const known = directory.remembered(record.monName);
  const monitored = list.addStored(record, known);
  if (known?.isOwed === false) monitored.told = new ToldStates([known.lastState]);
  if (known?.isOwed) {
    directory.news.announced(nameKey(record.monName));
    announcer.announceOwed(monitored, known); // before what came since
  }
  listed(monitored);
}

/** Loads everything in small steps. */
function* load(parts: LoadParts): Generator<void, void> {
  const { store, directory, loaded } = parts;
  const records = store.load()[Symbol.iterator]();
  let next = records.next();
  yield;
  yield* directory.remember();
  for (; next.done !== true; next = records.next()) {
    take(parts, next.value);
    yield;
  }
  loaded();
  if (store.unread === 0) yield* retain(parts);
  try {
    store.check();
  } catch (error) {
    store.refused(`Nobody new can be monitored now: ${reasonOf(error)}`, error);
  }
}
