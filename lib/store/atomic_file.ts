/**
 * How a file is replaced so that nobody ever sees half of it, not even after a power cut: the new
 * contents are written to a file aside, synced, and given the final name in one step; the name is on
 * disk when its directory is synced.
 *
 * Each step has its reason. The file is synced before it is renamed, since otherwise a file system may
 * keep the new name and lose the data. The directory is synced after the rename, since a journal is
 * otherwise written when it pleases. The file aside is created anew, which follows no symbolic link
 * in directories that others can write to. Of the file, only the data and what is needed to find them
 * are synced; of the directory everything, since nothing is promised about less.
 */

import { join } from "@std/path/join";
import { StoreError } from "../nsm/ports.ts";
import type { FileSystem, NewFile } from "./file_system.ts";
import { asideName } from "./layout.ts";
import { FILE_MAX_BYTES, type FileText } from "./record_file.ts";

/** A file that has its contents and not yet its name. */
export class AsideFile {
  #isOpen = true;

  private constructor(
    readonly fs: FileSystem,
    readonly file: NewFile,
    /** Where it is now. */
    public path: string,
    /** Length of its contents, in bytes. */
    readonly length: number,
  ) {}

  /** Writes a file aside. What is left over at that path, from a process that was killed, goes. */
  static write(fs: FileSystem, path: string, text: string, mode: number): AsideFile {
    const file = createAnew(fs, path, mode);
    return AsideFile.#written(new AsideFile(fs, file, path, text.length), text);
  }

  /** The same in place of what a file held that nobody needs; undefined where it cannot be used. */
  static rewrite(fs: FileSystem, path: string, text: string, mode: number): AsideFile | undefined {
    const file = fs.reuse(path, mode);
    return file && AsideFile.#written(new AsideFile(fs, file, path, text.length), text);
  }

  static #written(aside: AsideFile, text: string): AsideFile {
    try {
      aside.file.write(text);
      return aside;
    } catch (error) {
      aside.discard();
      throw error;
    }
  }

  startSync(): void {
    this.file.startSync();
  }

  sync(): void {
    this.file.sync();
  }

  /** Gives it its name; it must have been synced. */
  renameTo(path: string): void {
    this.close();
    this.fs.rename(this.path, path);
  }

  /**
   * Gives it its name, where there is nothing, and syncs both. After a failure it can still be
   * discarded.
   */
  nameAndSync(path: string): void {
    this.fs.rename(this.path, path);
    this.path = path;
    this.file.syncWithName();
    this.close();
  }

  close(): void {
    if (this.#isOpen) this.file.close();
    this.#isOpen = false;
  }

  /** Removes it, as far as that is possible: a start removes what stays. */
  discard(): void {
    this.close();
    try {
      this.fs.remove(this.path);
    } catch {
      // Whatever led here is reported; this adds nothing to it.
    }
  }
}

/**
 * Replaces a file, or makes it, at once and for good.
 *
 * @throws {StoreError} When it may not be on disk. The file is the old or the new one.
 */
export function replaceFile(
  fs: FileSystem,
  directory: string,
  name: string,
  text: string,
  mode: number,
): void {
  const path = join(directory, name);
  try {
    moveIntoPlace(fs, directory, name, text, mode);
    syncDirectory(fs, directory);
  } catch (error) {
    throw new StoreError("write", path, error);
  }
}

/** The same without the last step, for several files whose directory is synced once. */
export function moveIntoPlace(
  fs: FileSystem,
  directory: string,
  name: string,
  text: string,
  mode: number,
): void {
  const aside = AsideFile.write(fs, join(directory, asideName(0)), text, mode);
  try {
    aside.sync();
    aside.renameTo(join(directory, name));
  } catch (error) {
    aside.discard();
    throw error;
  }
}

/** EINVAL, ENOSYS and EOPNOTSUPP: the file system has no such operation, now or ever. */
const UNSUPPORTED = /\(os error (22|38|95)\)$/;

/**
 * Makes lasting which names a directory has. Returns whether the file system can: where it cannot, a
 * change counts as made, since trying again or refusing it would change nothing.
 *
 * @throws {Error} When the disk does not take it.
 */
export function syncDirectory(fs: FileSystem, directory: string): boolean {
  const handle = fs.openDirectory(directory);
  try {
    handle.sync();
    return true;
  } catch (error) {
    if (error instanceof Error && UNSUPPORTED.test(error.message)) return false;
    throw error;
  } finally {
    handle.close();
  }
}

/** Makes durable what a file holds, where there is one. */
export function syncFile(fs: FileSystem, path: string): void {
  const file = fs.openFile(path);
  try {
    file?.sync();
  } finally {
    file?.close();
  }
}

/**
 * What a file of records holds.
 *
 * @throws {Error} When there is something else than a file that can be read and is not too long.
 */
export function readText(fs: FileSystem, path: string): FileText {
  const text = fs.readOwn(path, FILE_MAX_BYTES + 1);
  if (text !== undefined && text.length > FILE_MAX_BYTES) {
    throw new Error(`it is longer than ${FILE_MAX_BYTES} bytes`);
  }
  return text;
}

function createAnew(fs: FileSystem, path: string, mode: number): NewFile {
  try {
    return fs.create(path, mode);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    fs.remove(path);
    return fs.create(path, mode);
  }
}
