/** Dry run of sm-notify: moves, writes and sends nothing. */

import type { SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { announcementsOf } from "../nsm/notify/notify_list.ts";
import { nameKey } from "../nsm/host_name.ts";
import type { NotifyRecord, PeerFacts } from "../nsm/ports.ts";
import { asOwner } from "../platform/as_owner.ts";
import { asciiJson, quote } from "../quote.ts";
import { type DirectoryEntry, RealFileSystem } from "../store/file_system.ts";
import { layoutOf } from "../store/layout.ts";
import { NotifyRun } from "../store/notify_run.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { notifyRecordsIn } from "../store/notify_store.ts";
import { entriesOf } from "../store/record_directory.ts";
import { isSelected, requireOnly } from "./plan.ts";
import { printOut } from "../platform/standard_streams.ts";
import { reasonOf } from "../reason.ts";

/**
 * Prints which peers a run would notify, in order, and what it would announce. Returns the exit
 * status: 1 if not all records could be read.
 */
export function showWhatWouldBeNotified(settings: SmNotifySettings, log: Log): number {
  const { stateDirectoryPath } = settings;
  const run = new NotifyRun(stateDirectoryPath, "", log);
  const stateNumber = run.nextStateNumber;
  let unread = 0;
  const [memory, records] = asOwner(layoutOf(stateDirectoryPath).monitorList, () => [
    openPeerMemory(stateDirectoryPath, { log, mayCompact: false }).load(),
    recordsOf(stateDirectoryPath, log, () => unread++),
  ]);
  requireOnly(settings, records, log);
  const all = records.filter((record) => isSelected(settings, record));
  for (const record of all.sort((a, b) => b.modifiedAt - a.modifiedAt)) {
    const facts = memory.get(nameKey(record.monName));
    const names = settings.outgoingAddr.length > 0 ? settings.outgoingAddr : [record.myName];
    const announced = announcementsOf(names).map(({ name }) => name);
    const line = settings.json ? jsonLine : textLine;
    if (!printOut(line(record, announced, facts, stateNumber))) return 1;
  }
  return unread === 0 ? 0 : 1;
}

/**
 * Records that a run would load, from both lists without duplicates. `onUnread` is called for each
 * unreadable file or directory.
 */
export function recordsOf(
  stateDirectory: string,
  log: Log,
  onUnread = () => {},
): NotifyRecord[] {
  const fs = new RealFileSystem();
  const { monitorList, notifyList } = layoutOf(stateDirectory);
  const found = new Map<string, NotifyRecord>();
  for (const directory of [notifyList, monitorList]) {
    let entries: readonly DirectoryEntry[];
    try {
      entries = entriesOf(fs, directory);
    } catch (error) {
      onUnread();
      log.error(reasonOf(error));
      continue;
    }
    for (const record of notifyRecordsIn(fs, directory, log, entries, onUnread)) {
      found.set(JSON.stringify([record.fileName, record.monName, record.myName]), record);
    }
  }
  return [...found.values()];
}

function textLine(
  { fileName }: NotifyRecord,
  announced: readonly string[],
  facts: PeerFacts | undefined,
  stateNumber: number,
): string {
  const known = facts === undefined ? "" : ` (known at ${facts.addresses.map(quote).join(", ")})`;
  const names = announced.map(quote).join(", then ");
  return `Would tell ${quote(fileName)}${known} that ${names} has state ${stateNumber}\n`;
}

function jsonLine(
  { fileName, myName }: NotifyRecord,
  announced: readonly string[],
  facts: PeerFacts | undefined,
  state: number,
): string {
  const known = facts?.addresses ?? [];
  return `${asciiJson({ name: fileName, my_name: myName, announced, known, state })}\n`;
}
