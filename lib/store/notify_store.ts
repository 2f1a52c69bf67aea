/**
 * Notify list on disk, as sm-notify uses it: the directory `sm.bak` with the records from before
 * the last start, in the format of the monitor list.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import type { MonitorRecord, NotifyRecord, NotifyStore } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { moveIntoPlace, readText, syncFile } from "./atomic_file.ts";
import { type DirectoryEntry, type FileSystem, RealFileSystem } from "./file_system.ts";
import type { StoreParts } from "./file_store.ts";
import { GroupCommit } from "./group_commit.ts";
import { type Layout, layoutOf } from "./layout.ts";
import {
  entriesOf,
  namesIn,
  recordFiles,
  removeLeftOvers,
  trySyncDirectory,
} from "./record_directory.ts";
import { mergeTexts, withoutTold } from "./record_file.ts";
import { StateFile } from "./state_file.ts";

/** Mode of a merged file, that of a changed file in nfs-utils. */
const MERGED_FILE_MODE = 0o640;

/** Opens the notify list in the state directory at `directory`. */
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
  /** Files that could not be moved out of `sm`. */
  readonly #unmoved = new Set<string>();
  faults = 0;

  constructor(layout: Layout, fs: FileSystem, log: Log) {
    this.#layout = layout;
    this.#fs = fs;
    this.#log = log;
    this.#state = new StateFile(fs, layout, log);
    this.#commit = new GroupCommit(fs, layout.notifyList);
  }

  /**
   * Deviation: nfs-utils replaces a file of that name, and loses the records of peers that could
   * not be told after the previous reboot.
   *
   * Files are merged before `sm.bak` is synced, and their sources removed after, so that each
   * record is in one of the two directories at every moment. A crash may leave it in both; the next
   * call then finds its line and removes the source.
   */
  retire(): number {
    const { monitorList, notifyList } = this.#layout;
    const entries = this.#entries(monitorList);
    if (entries === undefined) return 0;
    const names = namesIn(entries, monitorList, this.#log);
    const others = this.#entries(notifyList);
    // An unseen file would be replaced, and lost.
    if (others === undefined) {
      this.#isUnmoved(names);
      return 0;
    }
    const existing = new Set(others.map(({ name }) => name));
    /** Merged texts by their sources. */
    const merged = new Map<string, string>();
    const unmoved: string[] = [];
    for (const name of names) {
      const source = `${monitorList}/${name}`;
      try {
        const text = existing.has(name) ? this.#merge(source, name) : this.#move(source, name);
        if (text !== undefined) merged.set(source, text);
      } catch (error) {
        unmoved.push(name);
        this.#log.error(`Cannot move ${quote(source)} to the notify list: ${reasonOf(error)}`);
      }
    }
    this.#isUnmoved(unmoved);
    const moved = names.length - unmoved.length;
    // A source stays until the merged file is durable.
    if (!this.#sync(notifyList)) return moved;
    for (const [source, text] of merged) {
      try {
        // The monitor may have replaced it by another record since, which has to stay.
        if (readText(this.#fs, source) === text) this.#fs.remove(source);
      } catch (error) {
        this.faults++;
        this.#log.error(`Cannot remove ${quote(source)}: ${reasonOf(error)}`);
      }
    }
    this.#sync(monitorList);
    return moved;
  }

  /**
   * Deviation: nfs-utils tells a peer once per line, even if lines of one file differ in nothing
   * that is sent.
   */
  load(unmovedSince?: number): NotifyRecord[] {
    const { notifyList, monitorList } = this.#layout;
    if (this.#sync(notifyList)) this.#commit.markSynced();
    const entries = this.#entries(notifyList) ?? [];
    removeLeftOvers(this.#fs, notifyList, this.#log, entries);
    const loaded = this.#recordsIn(notifyList, entries);
    if (this.#unmoved.size === 0 && unmovedSince === undefined) return loaded;
    const left = (this.#entries(monitorList) ?? []).filter(({ name }) =>
      unmovedSince !== undefined || this.#unmoved.has(name)
    );
    for (const record of this.#recordsIn(monitorList, left)) {
      if (record.modifiedAt > (unmovedSince ?? Infinity)) continue;
      loaded.push({ ...record, isUnmoved: true });
    }
    return loaded;
  }

  remove({ fileName, monName, myName }: NotifyRecord): Promise<void> {
    return this.#commit.change(fileName, (text) => withoutTold(text, monName, myName));
  }

  has({ fileName, isUnmoved }: NotifyRecord): boolean {
    if (isUnmoved) return true;
    try {
      return this.#fs.facts(join(this.#layout.notifyList, fileName)) !== undefined;
    } catch {
      return true; // telling a peer twice does no harm
    }
  }

  stateNumber(): number {
    return this.#state.read();
  }

  advanceStateNumber(): number {
    return this.#state.advance();
  }

  /**
   * Moves a file to the notify list, or copies it there, as to another file system. Returns the text of
   * a copy. @throws {Error} When neither is possible: the error of the rename.
   */
  #move(source: string, name: string): string | undefined {
    try {
      this.#fs.rename(source, join(this.#layout.notifyList, name));
      return undefined;
    } catch (error) {
      try {
        return this.#merge(source, name);
      } catch {
        throw error;
      }
    }
  }

  /** Merges a file into its namesake on the notify list; returns its text. */
  #merge(source: string, name: string): string {
    const { notifyList } = this.#layout;
    const path = join(notifyList, name);
    const before = readText(this.#fs, path) ?? "";
    const text = readText(this.#fs, source) ?? "";
    const after = mergeTexts(before, text);
    // A killed daemon may have named the file that an earlier run moved, and not synced it.
    if (after === before) syncFile(this.#fs, path);
    else moveIntoPlace(this.#fs, notifyList, name, after, MERGED_FILE_MODE);
    return text;
  }

  #sync(directory: string): boolean {
    const isSynced = trySyncDirectory(this.#fs, directory, this.#log);
    if (!isSynced) this.faults++;
    return isSynced;
  }

  #isUnmoved(names: readonly string[]): void {
    for (const name of names) this.#unmoved.add(name);
    this.faults += names.length;
  }

  /** Entries of a directory; undefined, and logged, if it cannot be read. */
  #entries(directory: string): readonly DirectoryEntry[] | undefined {
    try {
      return entriesOf(this.#fs, directory);
    } catch (error) {
      this.faults++;
      this.#log.error(reasonOf(error));
      return undefined;
    }
  }

  #recordsIn(directory: string, entries: readonly DirectoryEntry[]): NotifyRecord[] {
    return notifyRecordsIn(this.#fs, directory, this.#log, entries, () => this.faults++);
  }
}

/**
 * Records of the files among some directory entries, without duplicates per file. `onUnread` is
 * called for each unreadable file.
 */
export function notifyRecordsIn(
  fs: FileSystem,
  directory: string,
  log: Log,
  entries: readonly DirectoryEntry[],
  onUnread: () => void,
): NotifyRecord[] {
  const found: NotifyRecord[] = [];
  for (const { name, path, records } of recordFiles(fs, directory, log, entries, onUnread)) {
    const modifiedAt = modificationTime(fs, path);
    for (const { monName, myName } of toldApart(records)) {
      found.push({ fileName: name, monName, myName, modifiedAt });
    }
  }
  return found;
}

/** Modification time of a file, by which peers are ordered; 0 if it cannot be read. */
function modificationTime(fs: FileSystem, path: string): number {
  try {
    return fs.facts(path)?.modifiedAt ?? 0;
  } catch {
    return 0;
  }
}

/** Removes duplicates: records that lead to equal notices. */
function toldApart(records: readonly MonitorRecord[]): readonly MonitorRecord[] {
  if (records.length === 1) return records;
  const known = new Set<string>();
  return records.filter(({ monName, myName }) => {
    const before = known.size;
    return known.add(`${monName} ${myName}`).size > before;
  });
}
