/**
 * The notify list on disk, as sm-notify uses it: the directory `sm.bak` with the records from before
 * the last start, in the format of the monitor list.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import {
  type MonitorRecord,
  type NotifyRecord,
  type NotifyStore,
  reasonOf,
  StoreError,
} from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { moveIntoPlace, readText, syncDirectory } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import type { StoreParts } from "./file_store.ts";
import { GroupCommit } from "./group_commit.ts";
import { type Layout, layoutOf } from "./layout.ts";
import {
  entriesOf,
  recordFileNames,
  recordFiles,
  removeLeftOvers,
  trySyncDirectory,
} from "./record_directory.ts";
import { mergeTexts, withoutTold } from "./record_file.ts";
import { StateFile } from "./state_file.ts";

/** Permissions of a file whose records come from two, as nfs-utils has them for a changed file. */
const MERGED_FILE_MODE = 0o640;

/** The notify list in the state directory at `directory`. */
export function openNotifyStore(directory: string, parts: StoreParts): NotifyStore {
  return new FileNotifyStore(
    layoutOf(directory),
    parts.fileSystem ?? new RealFileSystem(),
    parts.log,
  );
}

class FileNotifyStore implements NotifyStore {
  readonly #layout: Layout;
  readonly #fs: FileSystem;
  readonly #log: Log;
  readonly #state: StateFile;
  readonly #commit: GroupCommit;

  constructor(layout: Layout, fs: FileSystem, log: Log) {
    this.#layout = layout;
    this.#fs = fs;
    this.#log = log;
    this.#state = new StateFile(fs, layout, log);
    this.#commit = new GroupCommit(fs, layout.notifyList);
  }

  /**
   * Deviation: nfs-utils replaces a file of the same name, and with it the records of peers that
   * could not be told after the reboot before.
   *
   * The files are merged before `sm.bak` is synced, and their sources removed after, so that each record
   * is in one of the two directories at every moment; where a crash leaves it in both, the next call
   * finds its line there and removes the source.
   */
  retire(): void {
    const { monitorList, notifyList } = this.#layout;
    const names = recordFileNames(this.#fs, monitorList, this.#log);
    const existing = new Set(entriesOf(this.#fs, notifyList).map(({ name }) => name));
    const merged: string[] = [];
    for (const name of names) {
      const source = `${monitorList}/${name}`;
      try {
        if (existing.has(name)) {
          this.#merge(source, name);
          merged.push(source);
        } else this.#fs.rename(source, `${notifyList}/${name}`);
      } catch (error) {
        this.#log.error(`Cannot move ${quote(source)} to the notify list: ${reasonOf(error)}`);
      }
    }
    this.#sync(notifyList);
    for (const source of merged) {
      try {
        this.#fs.remove(source);
      } catch (error) {
        this.#log.error(`Cannot remove ${quote(source)}: ${reasonOf(error)}`);
      }
    }
    this.#sync(monitorList);
  }

  /**
   * Deviation: nfs-utils tells a peer once for each line, and lines of one file may differ in nothing
   * that a peer gets to know.
   */
  load(): NotifyRecord[] {
    const { notifyList } = this.#layout;
    if (trySyncDirectory(this.#fs, notifyList, this.#log)) this.#commit.markSynced();
    const entries = entriesOf(this.#fs, notifyList);
    removeLeftOvers(this.#fs, notifyList, this.#log, entries);
    const files = recordFiles(this.#fs, notifyList, this.#log, entries);
    const loaded: NotifyRecord[] = [];
    for (const { name: fileName, path, records } of files) {
      const modifiedAt = this.#fs.facts(path)?.modifiedAt ?? 0;
      for (const { monName, myName } of toldApart(records)) {
        loaded.push({ fileName, monName, myName, modifiedAt });
      }
    }
    return loaded;
  }

  remove({ fileName, monName, myName }: NotifyRecord): Promise<void> {
    return this.#commit.change(fileName, (text) => withoutTold(text, monName, myName));
  }

  has({ fileName }: NotifyRecord): boolean {
    return this.#fs.facts(join(this.#layout.notifyList, fileName)) !== undefined;
  }

  stateNumber(): number {
    return this.#state.read();
  }

  advanceStateNumber(): number {
    return this.#state.advance();
  }

  /** Adds the lines of a file to those of the file of the same name on the notify list. */
  #merge(source: string, name: string): void {
    const { notifyList } = this.#layout;
    const before = readText(this.#fs, join(notifyList, name)) ?? "";
    const after = mergeTexts(before, readText(this.#fs, source) ?? "");
    if (after === before) return;
    moveIntoPlace(this.#fs, notifyList, name, after, MERGED_FILE_MODE);
  }

  #sync(directory: string): void {
    try {
      syncDirectory(this.#fs, directory);
    } catch (error) {
      throw new StoreError("sync", directory, error);
    }
  }
}

/** Records without those that say the same of a peer as an earlier one. */
function toldApart(records: readonly MonitorRecord[]): readonly MonitorRecord[] {
  if (records.length === 1) return records;
  const known = new Set<string>();
  return records.filter(({ monName, myName }) => {
    const before = known.size;
    return known.add(`${monName} ${myName}`).size > before;
  });
}
