/**
 * The primitive operations on files that the store is made of, and their real form. They are few, so
 * that a test can put an in-memory file system in their place and cut the power between any two.
 *
 * What files hold is text of one character per byte, U+0000 to U+00FF: whatever it is, it survives
 * being read and written again.
 *
 * All of them are synchronous: on small files the asynchronous ones take longer, and they share a pool of
 * threads with the name service. Most are calls of the C library. A failed one is repeated through Deno,
 * only to get its descriptive error.
 */

import { toBytes, toText } from "./byte_text.ts";
import { LibcError } from "../platform/libc.ts";
import { syncsNames } from "../platform/file_system_promises.ts";
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

/** What is at a path, not following a symbolic link. */
export interface FileFacts {
  readonly isFile: boolean;
  readonly size: number;
  /** Time of the last modification, milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** One name in a directory, and what it stands for, not following a symbolic link. */
export interface DirectoryEntry {
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
}

/** Something open whose changes can be made to last. */
export interface Syncable {
  /** Returns when the contents are on disk: of a file, or the names in a directory. */
  sync(): void;
  close(): void;
}

/** A file that was opened to be written once. */
export interface NewFile extends Syncable {
  /** Makes the text all that the file holds. */
  write(text: string): void;
  /** Returns when the contents and the name that the file has now are on disk, see {@link FileSystem.syncsNames}. */
  syncWithName(): void;
  /** Has the disk begin to write, so that it is busy with several files when the first is synced. */
  startSync(): void;
}

/** A file that is read from its beginning, piece by piece, while others may add to it. */
export interface FollowedFile {
  /** The next `maxBytes` bytes, or all that are there; empty at what is its end now. */
  next(maxBytes: number): string;
  close(): void;
}

export interface FileSystem {
  /** The names in a directory, in any order, without `.` and `..`: all of them, or it fails. */
  list(directory: string): Iterable<DirectoryEntry>;
  /** What is at a path; undefined where there is nothing. */
  facts(path: string): FileFacts | undefined;
  /**
   * The first `maxBytes` bytes of a file, or all of them; undefined where there is no file. What is no
   * regular file fails: a pipe would keep us waiting for ever.
   */
  read(path: string, maxBytes: number): string | undefined;
  /** The same, where a symbolic link is no regular file either. */
  readOwn(path: string, maxBytes: number): string | undefined;
  /** Opens a file to {@link FollowedFile.next read} it; undefined where there is none. */
  follow(path: string): FollowedFile | undefined;
  /** Makes a file that must not exist; no symbolic link is followed. `mode` is subject to the umask. */
  create(path: string, mode: number): NewFile;
  /**
   * Opens a file that holds nothing of use, to be written anew: a disk makes that last in less time than
   * a file with new blocks. Undefined where it is not ours alone, or has not these permissions.
   */
  reuse(path: string, mode: number): NewFile | undefined;
  /** Appends text by one call; makes the file where it is missing. No symbolic link is followed. */
  append(path: string, text: string, mode: number): void;
  /**
   * Puts a text in place of the first bytes of a file that is there, and syncs it; no symbolic link is
   * followed. For texts within a sector, which a disk writes whole.
   */
  overwrite(path: string, text: string): void;
  /** Gives a file another name, in one step in place of what had that name. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  openDirectory(path: string): Syncable;
  /** Opens a file to sync it; no symbolic link is followed. Undefined where there is none. */
  openFile(path: string): Syncable | undefined;
  /**
   * Whether the sync of a file that was made and renamed since makes its name in this directory durable,
   * without a sync of the directory.
   */
  syncsNames(directory: string): boolean;
}

/** Size of one read: nearly every file of the store fits, and the text of it on the stack. */
const READ_BYTES = 8192;

const ROOT = 0;

/** The file system of this machine. */
export class RealFileSystem implements FileSystem {
  readonly #buffer = new Uint8Array(READ_BYTES);

  list(directory: string): Iterable<DirectoryEntry> {
    using opened = OpenDirectory.open(directory);
    if (opened === undefined) {
      Deno.readDirSync(directory); // fails too, in words
      throw new Deno.errors.NotFound(`there is no "${directory}"`);
    }
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
    using file = Deno.openSync(path, { append: true, create: true, mode });
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
    const directory = OpenDirectory.open(path);
    if (directory === undefined) {
      const file = Deno.openSync(path);
      return { sync: () => file.syncSync(), close: () => file.close() };
    }
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
 * What a name stands for. Where neither the directory nor the file tells, it is taken for a file: whoever
 * opens it finds out.
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

/**
 * Opens by the quick way; why it fails is asked of the runtime, which has words for people, and which no
 * other call can have robbed of the number of the error.
 */
function openToRead(path: string, followsLinks: boolean): RegularFile | undefined {
  try {
    return followsLinks ? openFollowing(path) : RegularFile.openToRead(path);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    const file = unlessMissing(() => Deno.openSync(path));
    if (file === undefined) return undefined;
    file.close();
    throw error;
  }
}

/**
 * Opens a file by its path or by a link. Root follows root's links alone: to open a device can be enough to
 * do harm, and another user may link to one that is root's.
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

/** How many bytes were taken; whatever is in the way of the others, the runtime has words for it. */
function appendQuickly(path: string, bytes: Uint8Array<ArrayBuffer>, mode: number): number {
  try {
    using file = RegularFile.openToAppend(path, mode);
    return file?.write(bytes) ?? 0;
  } catch (error) {
    if (error instanceof LibcError) return 0;
    throw error;
  }
}
