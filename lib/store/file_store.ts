/**
 * The monitor list on disk, as statd uses it: one file for each peer in the directory `sm`, named
 * after the mon_name. Nothing here scans the directory but {@link MonitorStore.load}, and no call
 * costs in proportion to the number of peers.
 *
 * nfs-utils names a file after the official name that the name service gives for the mon_name. Records
 * in files of another name than theirs stay in these files, and so do their successors.
 */

import type { Log } from "../log.ts";
import { type MonitorRecord, type MonitorStore, StoreError } from "../nsm/ports.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { GroupCommit } from "./group_commit.ts";
import { fileNameFault, type Layout, layoutOf } from "./layout.ts";
import { recordFiles, trySyncDirectory } from "./record_directory.ts";
import { withoutRegistrations, withRecord } from "./record_file.ts";
import { recordFault, registrationKey } from "./record_format.ts";
import { StateFile } from "./state_file.ts";

/** What the parts of the store work with. */
export interface StoreParts {
  readonly log: Log;
  /** The machine's own, unless a test puts another one in its place. */
  readonly fileSystem?: FileSystem;
}

/** The monitor list in the state directory at `directory`. It does not have to exist before load(). */
export function openMonitorStore(directory: string, parts: StoreParts): MonitorStore {
  return new FileStore(layoutOf(directory), parts.fileSystem ?? new RealFileSystem(), parts.log);
}

class FileStore implements MonitorStore {
  readonly #layout: Layout;
  readonly #fs: FileSystem;
  readonly #log: Log;
  readonly #state: StateFile;
  readonly #commit: GroupCommit;
  /**
   * The files of mon_names that live in others than their own, the one for new records first. Only
   * exceptions are here, and they stay: a name too many costs a look for a file that is not there.
   */
  readonly #filesOf = new Map<string, readonly string[]>();

  constructor(layout: Layout, fs: FileSystem, log: Log) {
    this.#layout = layout;
    this.#fs = fs;
    this.#log = log;
    this.#state = new StateFile(fs, layout, log);
    this.#commit = new GroupCommit(fs, layout.monitorList);
  }

  load(): MonitorRecord[] {
    const { monitorList } = this.#layout;
    // A process that was killed may have renamed files without syncing: what is read must last.
    if (trySyncDirectory(this.#fs, monitorList, this.#log)) this.#commit.markSynced();
    const loaded: MonitorRecord[] = [];
    for (const { name, records } of recordFiles(this.#fs, monitorList, this.#log)) {
      for (const record of records) {
        loaded.push(record);
        if (record.monName !== name) this.#addFile(record.monName, name);
      }
    }
    return loaded;
  }

  async put(record: MonitorRecord, replaced: MonitorRecord = record): Promise<void> {
    const fault = fileNameFault(record.monName) ?? recordFault(record);
    if (fault !== undefined) {
      throw new StoreError("write", `${this.#layout.monitorList}/${record.monName}`, fault);
    }
    const [home, ...others] = this.#filesFor(record, replaced);
    await this.#commit.change(home!, (text) => withRecord(text, record, replaced));
    // Only now: until the new record is on disk the old one must not go.
    if (others.length > 0) {
      await this.#removeFrom(others, new Set([record, replaced].map(registrationKey)));
    }
  }

  async remove(records: readonly MonitorRecord[]): Promise<void> {
    const byFile = new Map<string, Set<string>>();
    for (const record of records) {
      for (const name of this.#files(record.monName)) {
        let keys = byFile.get(name);
        if (keys === undefined) byFile.set(name, keys = new Set());
        keys.add(registrationKey(record));
      }
    }
    await settleAll([...byFile].map(([name, keys]) => this.#removeFrom([name], keys)));
  }

  stateNumber(): number {
    return this.#state.read();
  }

  #removeFrom(names: readonly string[], keys: ReadonlySet<string>): Promise<void> {
    return settleAll(
      names.map((name) => this.#commit.change(name, (text) => withoutRegistrations(text, keys))),
    );
  }

  /** The files in which records of a peer may be; new ones go to the first. */
  #files(monName: string): readonly string[] {
    const exceptional = this.#filesOf.get(monName);
    if (exceptional !== undefined) return exceptional;
    return fileNameFault(monName) === undefined ? [monName] : [];
  }

  /** The same for a record that takes another one's place, whose mon_name may be spelt otherwise. */
  #filesFor(record: MonitorRecord, replaced: MonitorRecord): readonly string[] {
    if (record.monName !== replaced.monName) {
      for (const name of this.#files(replaced.monName)) this.#addFile(record.monName, name);
    }
    return this.#files(record.monName);
  }

  #addFile(monName: string, name: string): void {
    const files = this.#files(monName);
    if (!files.includes(name)) this.#filesOf.set(monName, [name, ...files]);
  }
}

/** Waits until all have settled, so that nothing goes on behind a failure; then fails as the first. */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) {
    if (result.status === "rejected") throw result.reason;
  }
}
