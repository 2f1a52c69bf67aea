/**
 * Reading a directory of record files at start. Whatever else lies there is passed over and reported,
 * one line each; it never keeps the program from starting, and it stays where it is.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import { type MonitorRecord, reasonOf, StoreError } from "../nsm/ports.ts";
import { plural, quote } from "../quote.ts";
import { syncDirectory } from "./atomic_file.ts";
import type { DirectoryEntry, FileSystem } from "./file_system.ts";
import { isAsideName, isSpareName } from "./layout.ts";
import { FILE_MAX_BYTES, type FileText, isBlank, recordsIn } from "./record_file.ts";

/** One file and the records in it; there is at least one. */
export interface RecordFile {
  readonly name: string;
  readonly path: string;
  readonly records: readonly MonitorRecord[];
}

/** The names of all files in a directory that may hold records. @throws {StoreError} */
export function recordFileNames(fs: FileSystem, directory: string, log: Log): string[] {
  return namesIn(entriesOf(fs, directory), directory, log);
}

/**
 * All records in a directory, by file. `entries` are what it has, where that is known. `onUnread` is
 * called for each file of which it cannot be told what it holds.
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

/** Age at which a file that is being written was left by a process that is no more, in ms. */
const LEFT_OVER_AFTER_MS = 60_000;

/**
 * Removes what killed processes left half written: all of it where nobody else may write, else not what
 * others may be writing now. Where nobody else may write, the files that they kept to be written go too.
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
      log.info(`Removed ${quote(path)}, which was not written to its end`);
    } catch (error) {
      log.warning(`Cannot remove ${quote(path)}: ${reasonOf(error)}`);
    }
  }
}

/** Directories of which it was said that they cannot be synced. */
const saidUnsyncable = new Set<string>();

/**
 * Makes what can be seen in a directory lasting, as far as possible; returns whether no more can be done.
 * A file system that has no such operation is mentioned once.
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

/** Everything in a directory. @throws {StoreError} */
export function entriesOf(fs: FileSystem, directory: string): DirectoryEntry[] {
  try {
    return [...fs.list(directory)];
  } catch (error) {
    throw new StoreError("read", directory, error);
  }
}

/** Names that may be those of files with records. */
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
