/**
 * Atomic file replacement, safe against power cuts: the new contents are written to a file aside,
 * synced, and renamed into place; syncing the directory makes the name durable.
 *
 * Each step has its reason. The file is synced before the rename, since otherwise a file system may
 * keep the new name and lose the data. The directory is synced after the rename, since the journal
 * is otherwise written at any later time. The file aside is created with O_EXCL, which follows no
 * symbolic link in directories that other users can write to. Files are synced with fdatasync,
 * directories with fsync, since nothing is promised about less.
 */

import { join } from "@std/path/join";
import { StoreError } from "../nsm/ports.ts";
import type { FileSystem, NewFile } from "./file_system.ts";
import { asideName } from "./layout.ts";
import { FILE_MAX_BYTES, type FileText } from "./record_file.ts";

/** File that has its contents, but not its final name. */
export class AsideFile {
  #isOpen = true;

  private constructor(
    readonly fs: FileSystem,
    readonly file: NewFile,
    /** Present path. */
    public path: string,
    /** Length of the contents, in bytes. */
    readonly length: number,
  ) {}

  /** Writes a file aside, replacing the remains of a killed process at that path. */
  static write(fs: FileSystem, path: string, text: string, mode: number): AsideFile {
    const file = createAnew(fs, path, mode);
    return AsideFile.#written(new AsideFile(fs, file, path, text.length), text);
  }

  /** Writes a file aside by overwriting a spare file; undefined where the spare cannot be used. */
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

  /** Renames the file into place; sync it first. */
  renameTo(path: string): void {
    this.close();
    this.fs.rename(this.path, path);
  }

  /**
   * Renames the file to a free name, and syncs contents and name. After a failure it can still be
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

  /** Removes the file, if possible; otherwise the next start removes it. */
  discard(): void {
    this.close();
    try {
      this.fs.remove(this.path);
    } catch {
      // The failure that led here is reported; this one adds nothing.
    }
  }
}

/**
 * Creates or replaces a file, atomically and durably.
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

/** replaceFile() without the sync of the directory, for several files that share one. */
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

/** EINVAL, ENOSYS and EOPNOTSUPP: the file system does not support the operation. */
const UNSUPPORTED = /\(os error (22|38|95)\)$/;

/**
 * Syncs a directory, which makes its names durable. False where the file system cannot: the change
 * then counts as made, since neither a retry nor a refusal would help.
 *
 * @throws {Error} When the disk refuses.
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

/** Syncs a file, if it exists. */
export function syncFile(fs: FileSystem, path: string): void {
  const file = fs.openFile(path);
  try {
    file?.sync();
  } finally {
    file?.close();
  }
}

/**
 * Reads a file of records.
 *
 * @throws {Error} When it is no readable regular file, or too long.
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
