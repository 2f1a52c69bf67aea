/**
 * Loading of record files at start. Other files are skipped and logged, one line each; they never
 * prevent the start, and stay where they are.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import { type MonitorRecord, StoreError } from "../nsm/ports.ts";
import { plural, quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { syncDirectory } from "./atomic_file.ts";
import type { DirectoryEntry, FileSystem } from "./file_system.ts";
import { isAsideName, isSpareName } from "./layout.ts";
import { FILE_MAX_BYTES, type FileText, isBlank, recordsIn } from "./record_file.ts";

/** File with at least one record. */
export interface RecordFile {
  readonly name: string;
  readonly path: string;
  readonly records: readonly MonitorRecord[];
}

/** Names of all possible record files in a directory. @throws {StoreError} */
export function recordFileNames(fs: FileSystem, directory: string, log: Log): string[] {
  return namesIn(entriesOf(fs, directory), directory, log);
}

/**
 * Records of a directory, by file. `entries` saves listing it again. `onUnread` is called for each
 * unreadable file.
 *
 * @throws {StoreError} When the directory cannot be read.
 */
export function* recordFiles(
  fs: FileSystem,
  directory: string,
  log: Log,
  entries: readonly DirectoryEntry[] = entriesOf(fs, directory),
  onUnread = (_name: string) => {},
): Iterable<RecordFile> {
  for (const name of namesIn(entries, directory, log)) {
    const path = `${directory}/${name}`;
    const records = recordsOf(fs, path, log, () => onUnread(name));
    if (records.length > 0) yield { name, path, records };
  }
}

/** Age at which a file aside counts as left over by a dead process, in ms. */
const LEFT_OVER_AFTER_MS = 60_000;

/**
 * Removes files aside that dead processes left. `isAlone`: no other process may write, so that all
 * of them go, and spare files too.
 */
export function removeLeftOvers(
  fs: FileSystem,
  directory: string,
  log: Log,
  entries: readonly DirectoryEntry[],
  { isAlone = false } = {},
): void {
  for (const { name, isFile } of entries) {
    const isSpare = isAlone && isSpareName(name);
    if (!isFile || !isSpare && !isAsideName(name)) continue;
    const path = join(directory, name);
    try {
      const modifiedAt = fs.facts(path)?.modifiedAt ?? Infinity;
      if (!isAlone && Date.now() - modifiedAt < LEFT_OVER_AFTER_MS) continue;
      fs.remove(path);
      if (isSpare) continue;
      log.info(`Removed ${quote(path)}, which was not completely written`);
    } catch (error) {
      log.warning(`Cannot remove ${quote(path)}: ${reasonOf(error)}`);
    }
  }
}

/** Directories logged as unsyncable. */
const saidUnsyncable = new Set<string>();

/**
 * Syncs a directory; returns false if a retry may help. A file system without that operation is
 * logged once.
 */
export function trySyncDirectory(fs: FileSystem, directory: string, log: Log): boolean {
  try {
    const isSynced = syncDirectory(fs, directory);
    if (!isSynced && !saidUnsyncable.has(directory)) {
      saidUnsyncable.add(directory);
      log.warning(
        `The file system of ${
          quote(directory)
        } cannot sync a directory; after a power cut the last ` +
          "changes may be missing",
      );
    }
    return true;
  } catch (error) {
    log.warning(`Cannot sync ${quote(directory)}: ${reasonOf(error)}`);
    return false;
  }
}

/** Entries of a directory. @throws {StoreError} */
export function entriesOf(fs: FileSystem, directory: string): DirectoryEntry[] {
  try {
    return [...fs.list(directory)];
  } catch (error) {
    throw new StoreError("read", directory, error);
  }
}

/** Names of possible record files. */
export function namesIn(entries: readonly DirectoryEntry[], directory: string, log: Log): string[] {
  const names: string[] = [];
  for (const { name, isFile, isDirectory, isSymlink } of entries) {
    if (name.startsWith(".")) continue;
    if (name.includes("\ufffd")) {
      log.warning(`Skipping a file in ${quote(directory)}: its name is no text`);
    } else if (isFile) names.push(name);
    else {
      const kind = isDirectory ? "directory" : isSymlink ? "symbolic link" : "special file";
      log.warning(`Skipping ${quote(join(directory, name))}: it is a ${kind}`);
    }
  }
  return names;
}

function recordsOf(
  fs: FileSystem,
  path: string,
  log: Log,
  onUnread: () => void,
): readonly MonitorRecord[] {
  const skip = (reason: string) => {
    log.warning(`Skipping ${quote(path)}: ${reason}`);
    return [];
  };
  let text: FileText;
  try {
    text = fs.readOwn(path, FILE_MAX_BYTES + 1);
  } catch (error) {
    onUnread();
    return skip(reasonOf(error));
  }
  if (text === undefined) return skip("it is gone");
  if (text.length > FILE_MAX_BYTES) {
    onUnread();
    return skip(`it is longer than ${FILE_MAX_BYTES} bytes`);
  }
  if (isBlank(text)) return skip("it is empty, as a power cut in the middle of SM_MON leaves it");
  const { records, faultyLines } = recordsIn(text);
  if (records.length === 0) return skip("no line in it is a record");
  if (faultyLines > 0) {
    const lines = plural(faultyLines, "line");
    log.warning(`Skipping ${lines} of ${quote(path)}: not a record`);
  }
  return records;
}
