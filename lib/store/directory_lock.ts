/**
 * One daemon for each state directory: two that write the same monitor list would lose each other's
 * records. A file in it is locked that its owner alone can open, because everybody who can open a file,
 * for reading too, can lock it. The file stays; its lock ends with the process.
 */

import { join } from "@std/path/join";
import { libc } from "../platform/libc.ts";
import { ownerOf } from "../platform/privileges.ts";
import { RegularFile } from "../platform/regular_file.ts";
import { quote } from "../quote.ts";
import { layoutOf, LOCK_FILE } from "./layout.ts";

/** A lock that is held until it is disposed of, or the process ends. */
export type DirectoryLock = Disposable;

const LOCK_MODE = 0o600;

/**
 * Locks a state directory. One in which no file can be made, because it is read-only or full, and has
 * none yet, is not locked: nothing is written there that two could lose.
 *
 * @throws {Error} When another daemon has it, or it is no directory.
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
    const { message } = error as Error;
    throw new Error(`Cannot lock ${quote(join(directory, LOCK_FILE))}: ${message}`, {
      cause: error,
    });
  }
}

/**
 * The file, made for the owner of the monitor list where it is missing. It is open for reading only: one
 * that is open for writing would keep the file system from being remounted read-only.
 */
function openLockFile(directory: string): RegularFile | undefined {
  const path = join(directory, LOCK_FILE);
  using made = RegularFile.create(path, LOCK_MODE);
  if (made !== undefined) {
    const { uid, gid } = ownerOf(layoutOf(directory).monitorList);
    libc().fchown(made.fd, uid, gid); // as a user, it is ours already
  }
  return RegularFile.openToRead(path);
}
