/**
 * Lock of a state directory, for one daemon at a time: two writers of one monitor list would lose
 * each other's records. The lock file can be opened only by its owner, because whoever can open a
 * file, even for reading, can lock it. The file stays; its lock ends with the process.
 */

import { join } from "@std/path/join";
import { libc } from "../platform/libc.ts";
import { ownerOf } from "../platform/privileges.ts";
import { RegularFile } from "../platform/regular_file.ts";
import { removeIfThere, unlessMissing } from "../platform/small_files.ts";
import { quote } from "../quote.ts";
import { layoutOf, LOCK_FILE } from "./layout.ts";

/** Lock, held until it is disposed of or the process ends. */
export type DirectoryLock = Disposable;

const LOCK_MODE = 0o600;

/**
 * Locks a state directory. A read-only or full directory without a lock file is not locked: nothing
 * can be written there, and so nothing lost.
 *
 * @throws {Error} When another daemon holds the lock, or the path is no directory.
 */
export function lockDirectory(path: string): DirectoryLock {
  if (!Deno.statSync(path).isDirectory) throw new Error(`${quote(path)} is not a directory`);
  const file = openLockFile(path);
  if (file === undefined) return { [Symbol.dispose]() {} };
  if (isLocked(file, path)) return file;
  file[Symbol.dispose]();
  throw new Error(
    `Cannot use state directory ${quote(path)}: another status monitor uses it; stop that one, ` +
      "or choose another directory with -P",
  );
}

function isLocked(file: RegularFile, directory: string): boolean {
  try {
    return file.tryLock();
  } catch (error) {
    file[Symbol.dispose]();
    throw lockFault(directory, error);
  }
}

/**
 * Error about the lock file, with its owner for a process that is neither root nor the owner of
 * `sm`.
 */
function lockFault(directory: string, cause: unknown): Error {
  const { monitorList } = layoutOf(directory);
  const { uid } = ownerOf(monitorList);
  const isOther = Deno.uid() !== 0 && Deno.uid() !== uid;
  const remedy = isOther
    ? `; start it as root or as uid ${uid}, who owns ${quote(monitorList)}`
    : "";
  const reason = (cause as Error).message;
  return new Error(`Cannot lock ${quote(join(directory, LOCK_FILE))}: ${reason}${remedy}`, {
    cause,
  });
}

/**
 * Opens the lock file, creating it for the monitor list's owner. It is opened read-only, since an
 * open writable file would prevent a read-only remount. A link, FIFO or folder in its place is
 * removed: it would prevent the start.
 */
function openLockFile(directory: string): RegularFile | undefined {
  const path = join(directory, LOCK_FILE);
  if (unlessMissing(() => Deno.lstatSync(path))?.isFile === false) removeIfThere(path);
  using made = RegularFile.create(path, LOCK_MODE);
  if (made !== undefined) {
    const { uid, gid } = ownerOf(layoutOf(directory).monitorList);
    libc().fchown(made.fd, uid, gid); // unprivileged, the file is ours already
  }
  try {
    return RegularFile.openToRead(path);
  } catch (error) {
    throw lockFault(directory, error);
  }
}
