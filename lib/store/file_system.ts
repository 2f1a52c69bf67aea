/**
 * File operations of the store, and their real implementation. They are few, so that a test can use
 * an in-memory file system and cut the power between any two of them.
 *
 * Contents are text of one character per byte, U+0000 to U+00FF, so that any bytes survive a round
 * trip.
 *
 * All operations are synchronous: on small files asynchronous ones take longer, and they share a
 * thread pool with the name service. Most operations are calls of the C library. A failed one is
 * repeated through Deno, only to get its descriptive error.
 */

import { toBytes, toText } from "./byte_text.ts";
import { keepFile, type KeptFile } from "./kept_file.ts";
import { LibcError } from "../platform/libc.ts";
import { syncsNames } from "../platform/file_system_promises.ts";
import { openByDeno } from "../platform/pinned_file.ts";
import {
  DT_DIRECTORY,
  DT_LINK,
  DT_REGULAR,
  DT_UNKNOWN,
  OpenDirectory,
  RegularFile,
  removeFile,
  renameFile,
} from "../platform/regular_file.ts";
import { unlessMissing, writeAll } from "../platform/small_files.ts";

/** Facts about a path (lstat). */
export interface FileFacts {
  readonly isFile: boolean;
  readonly size: number;
  /** Modification time, in ms since 1970. */
  readonly modifiedAt: number;
}

/** Directory entry (symbolic links are not followed). */
export interface DirectoryEntry {
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
}

/** Open handle that can be synced. */
export interface Syncable {
  /** Makes a file's contents, or a directory's names, durable. */
  sync(): void;
  close(): void;
}

/** File opened to be written once. */
export interface NewFile extends Syncable {
  /** Replaces the contents of the file. */
  write(text: string): void;
  /** Makes contents and present name durable, see {@link FileSystem.syncsNames}. */
  syncWithName(): void;
  /** Starts write-back, so that the disk is busy with several files before the first sync waits. */
  startSync(): void;
}

/** File read in pieces while other processes may append to it. */
export interface FollowedFile {
  /** Next `maxBytes` bytes, or the remaining ones; empty at the present end. */
  next(maxBytes: number): string;
  close(): void;
}

export interface FileSystem {
  /** All entries of a directory, in any order, without `.` and `..`; fails rather than being incomplete. */
  list(directory: string): Iterable<DirectoryEntry>;
  /** Facts about a path; undefined if nothing is there. */
  facts(path: string): FileFacts | undefined;
  /**
   * First `maxBytes` bytes of a file; undefined if there is no file. Fails for anything but a
   * regular file, since a pipe could block forever.
   */
  read(path: string, maxBytes: number): string | undefined;
  /** read() that does not follow a symbolic link. */
  readOwn(path: string, maxBytes: number): string | undefined;
  /** read() for a file that is asked for often and seldom changes; one system call if it did not. */
  keep(path: string, maxBytes: number): KeptFile;
  /** Opens a file for {@link FollowedFile.next}; undefined if there is none. */
  follow(path: string): FollowedFile | undefined;
  /** Creates a file (O_EXCL), not following a symbolic link. `mode` is subject to the umask. */
  create(path: string, mode: number): NewFile;
  /**
   * Opens a spare file for rewriting, which syncs faster than allocating new blocks. Undefined if
   * the file has other links, or another mode.
   */
  reuse(path: string, mode: number): NewFile | undefined;
  /** Appends text in one write, creating the file if missing; no symbolic link is followed. */
  append(path: string, text: string, mode: number): void;
  /**
   * Overwrites the first bytes of an existing file, and syncs it; no symbolic link is followed. For
   * texts within a sector, which a disk writes whole.
   */
  overwrite(path: string, text: string): void;
  /** Renames a file atomically, replacing the target. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  openDirectory(path: string): Syncable;
  /** Opens a file to sync it, not following a symbolic link; undefined if there is none. */
  openFile(path: string): Syncable | undefined;
  /**
   * Whether the fsync of a file created and renamed in this directory makes its name durable too,
   * without a sync of the directory.
   */
  syncsNames(directory: string): boolean;
}

/** Size of one read: nearly every file of the store fits, and its text fits the stack. */
const READ_BYTES = 8192;

const ROOT = 0;

/** File system of this host. */
export class RealFileSystem implements FileSystem {
  readonly #buffer = new Uint8Array(READ_BYTES);

  list(directory: string): Iterable<DirectoryEntry> {
    using opened = openDirectory(directory);
    return opened.entries().map(({ name, type }) => entryOf(directory, name, type));
  }

  facts(path: string): FileFacts | undefined {
    const info = unlessMissing(() => Deno.lstatSync(path));
    if (info === undefined) return undefined;
    return { isFile: info.isFile, size: info.size, modifiedAt: info.mtime?.getTime() ?? 0 };
  }

  read(path: string, maxBytes: number): string | undefined {
    return this.#read(path, maxBytes, true);
  }

  readOwn(path: string, maxBytes: number): string | undefined {
    return this.#read(path, maxBytes, false);
  }

  keep(path: string, maxBytes: number): KeptFile {
    return keepFile(path, () => this.read(path, maxBytes));
  }

  follow(path: string): FollowedFile | undefined {
    const file = openToRead(path, true);
    return file && {
      next: (maxBytes) => this.#readOn(file, maxBytes),
      close: () => file[Symbol.dispose](),
    };
  }

  create(path: string, mode: number): NewFile {
    let file = RegularFile.create(path, mode);
    if (file === undefined) {
      Deno.openSync(path, { write: true, createNew: true, mode }).close();
      file = RegularFile.openToAppend(path, mode);
    }
    if (file === undefined) throw new Deno.errors.NotFound(`there is no "${path}"`);
    return newFile(file);
  }

  reuse(path: string, mode: number): NewFile | undefined {
    const file = RegularFile.openToRewrite(path, mode);
    return file === undefined ? undefined : newFile(file);
  }

  append(path: string, text: string, mode: number): void {
    const bytes = toBytes(text);
    const written = appendQuickly(path, bytes, mode);
    if (written === bytes.length) return;
    using file = openByDeno(path, { append: true, create: true, mode });
    writeAll(file, bytes.subarray(written));
  }

  overwrite(path: string, text: string): void {
    using file = RegularFile.openToOverwrite(path);
    if (file === undefined) throw new Deno.errors.NotFound(`there is no "${path}"`);
    file.writeWhole(toBytes(text));
    file.sync();
  }

  rename(from: string, to: string): void {
    if (!renameFile(from, to)) Deno.renameSync(from, to);
  }

  remove(path: string): void {
    if (!removeFile(path)) Deno.removeSync(path);
  }

  openDirectory(path: string): Syncable {
    const directory = openDirectory(path);
    return { sync: () => directory.sync(), close: () => directory[Symbol.dispose]() };
  }

  openFile(path: string): Syncable | undefined {
    const file = openToRead(path, false);
    return file && { sync: () => file.syncWhole(), close: () => file[Symbol.dispose]() };
  }

  syncsNames(directory: string): boolean {
    return syncsNames(directory);
  }

  #read(path: string, maxBytes: number, followsLinks: boolean): string | undefined {
    using file = openToRead(path, followsLinks);
    return file && this.#readOn(file, maxBytes);
  }

  #readOn(file: RegularFile, maxBytes: number): string {
    let text = "";
    for (;;) {
      const buffer = this.#buffer.subarray(0, Math.min(maxBytes - text.length, READ_BYTES));
      const length = file.read(buffer);
      text += toText(buffer.subarray(0, length));
      if (length < buffer.length || text.length === maxBytes) return text;
    }
  }
}

/**
 * Type of an entry. If neither the directory nor the file tells, it counts as a file: opening it
 * will show.
 */
function entryOf(directory: string, name: string, type: number): DirectoryEntry {
  if (type === DT_UNKNOWN) {
    try {
      const { isFile, isDirectory, isSymlink } = Deno.lstatSync(`${directory}/${name}`);
      return { name, isFile, isDirectory, isSymlink };
    } catch {
      return { name, isFile: true, isDirectory: false, isSymlink: false };
    }
  }
  return {
    name,
    isFile: type === DT_REGULAR,
    isDirectory: type === DT_DIRECTORY,
    isSymlink: type === DT_LINK,
  };
}

function newFile(file: RegularFile): NewFile {
  return {
    write: (text) => file.writeWhole(toBytes(text)),
    startSync: () => file.startSync(),
    sync: () => file.sync(),
    syncWithName: () => file.syncWhole(),
    close: () => file[Symbol.dispose](),
  };
}

/** Opens a directory. @throws {Error} When there is none: a FIFO in its place would be waited for. */
function openDirectory(path: string): OpenDirectory {
  const opened = OpenDirectory.open(path);
  if (opened !== undefined) return opened;
  Deno.readDirSync(path); // throws a descriptive error
  throw new Deno.errors.NotFound(`there is no "${path}"`);
}

/**
 * Opens through libc. For a descriptive error the open is repeated through Deno, which no other
 * call can have robbed of its errno.
 */
function openToRead(path: string, followsLinks: boolean): RegularFile | undefined {
  try {
    return followsLinks ? openFollowing(path) : RegularFile.openToRead(path);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    const file = unlessMissing(() => openByDeno(path, { read: true }));
    if (file === undefined) return undefined;
    file.close();
    throw error;
  }
}

/**
 * Opens a file, following a symbolic link. Root follows only links owned by root: opening a device
 * can do harm, and another user may link to one.
 */
function openFollowing(path: string): RegularFile | undefined {
  if (Deno.uid() !== ROOT) return RegularFile.openToRead(path, { followsLinks: true });
  try {
    return RegularFile.openToRead(path);
  } catch (error) {
    const info = unlessMissing(() => Deno.lstatSync(path));
    if (info?.isSymlink !== true || info.uid !== ROOT) throw error;
    return RegularFile.openToRead(path, { followsLinks: true });
  }
}

/** Appends through libc; returns the number of bytes written. The caller repeats the rest through Deno. */
function appendQuickly(path: string, bytes: Uint8Array<ArrayBuffer>, mode: number): number {
  try {
    using file = RegularFile.openToAppend(path, mode);
    return file?.write(bytes) ?? 0;
  } catch (error) {
    if (error instanceof LibcError) return 0;
    throw error;
  }
}
