/** Adding foreign records to the lists of a state directory, each durable when its promise settles. */

import type { MonitorRecord } from "../nsm/ports.ts";
import type { StoreParts } from "./file_store.ts";
import { openMonitorStore } from "./file_store.ts";
import { RealFileSystem } from "./file_system.ts";
import { GroupCommit } from "./group_commit.ts";
import { layoutOf } from "./layout.ts";
import { withRecord } from "./record_file.ts";

/**
 * Adds records to the notify list. The next run of sm-notify sees them, not one in progress.
 *
 * @throws {StoreError} (as a rejection) When a record could not be written.
 */
export async function addToNotifyList(
  directory: string,
  records: readonly MonitorRecord[],
  { fileSystem = new RealFileSystem() }: Pick<StoreParts, "fileSystem"> = {},
): Promise<void> {
  const commit = new GroupCommit(fileSystem, layoutOf(directory).notifyList);
  const change = (record: MonitorRecord) =>
    commit.change(record.monName, (text) => withRecord(text, record));
  await Promise.all(records.map(change));
}

/**
 * Adds records to the monitor list of a locked directory without a daemon.
 *
 * @throws {StoreError} (as a rejection) When a record could not be written.
 */
export async function addToMonitorList(
  directory: string,
  records: readonly MonitorRecord[],
  parts: StoreParts,
): Promise<void> {
  const store = openMonitorStore(directory, parts);
  for (const _record of store.load()); // the store learns the peers' files from this
  await Promise.all(records.map((record) => store.put(record)));
}
