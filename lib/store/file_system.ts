/**
 * The primitive operations on files that the store is made of, and their real form. They are few, so
 * that a test can put an in-memory file system in their place and cut the power between any two.
 *
 * All of them are synchronous but {@link Syncable.syncAside}: on one small file the asynchronous ones
 * take longer, and they share a pool of threads with the name service.
 */

/** What is at a path, not following a symbolic link. */
export interface FileFacts {
  readonly isFile: boolean;
  readonly size: number;
  /** Time of the last modification, milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "symbolic link" | "special file";
}

/** Something open whose changes can be made to last. */
export interface Syncable {
  /** Returns when the contents are on disk: of a file, or the names in a directory. */
  sync(): void;
  /** The same on another thread, so that several at one time share the journal's commits. */
  syncAside(): Promise<void>;
  close(): void;
}

/** A file that was made to be written once. */
export interface NewFile extends Syncable {
  /** Writes all of the bytes behind those written before. */
  write(bytes: Uint8Array): void;
}

export interface FileSystem {
  /** The names in a directory, in any order, without `.` and `..`. */
  list(directory: string): Iterable<DirectoryEntry>;
  /** What is at a path; undefined where there is nothing. */
  facts(path: string): FileFacts | undefined;
  /** The first `maxBytes` bytes of a file, or all of them; undefined where there is no file. */
  read(path: string, maxBytes: number): Uint8Array | undefined;
  /** Makes a file that must not exist; no symbolic link is followed. `mode` is subject to the umask. */
  create(path: string, mode: number): NewFile;
  /** Appends bytes in one call; makes the file where it is missing. */
  append(path: string, bytes: Uint8Array, mode: number): void;
  /** Gives a file another name, in one step in place of what had that name. */
  rename(from: string, to: string): void;
  remove(path: string): void;
  openDirectory(path: string): Syncable;
}

/** Size of the first read: nearly every file of the store fits. */
const READ_BYTES = 16_384;

/** The file system of this machine. */
export class RealFileSystem implements FileSystem {
  readonly #buffer = new Uint8Array(READ_BYTES);

  *list(directory: string): Iterable<DirectoryEntry> {
    for (const { name, isFile, isDirectory, isSymlink } of Deno.readDirSync(directory)) {
      const other = isSymlink ? "symbolic link" : "special file";
      yield { name, kind: isFile ? "file" : isDirectory ? "directory" : other };
    }
  }

  facts(path: string): FileFacts | undefined {
    const info = unlessMissing(() => Deno.lstatSync(path));
    if (info === undefined) return undefined;
    return { isFile: info.isFile, size: info.size, modifiedAt: info.mtime?.getTime() ?? 0 };
  }

  read(path: string, maxBytes: number): Uint8Array | undefined {
    const file = unlessMissing(() => Deno.openSync(path));
    if (file === undefined) return undefined;
    try {
      const small = this.#buffer.subarray(0, Math.min(maxBytes, READ_BYTES));
      const length = file.readSync(small) ?? 0;
      if (length < small.length || length === maxBytes) return small.slice(0, length);
      return readOn(file, small, maxBytes);
    } finally {
      file.close();
    }
  }

  create(path: string, mode: number): NewFile {
    const file = Deno.openSync(path, { write: true, createNew: true, mode });
    return {
      write: (bytes) => writeAll(file, bytes),
      // The data and what is needed to read them back; the time of the change may be lost.
      sync: () => file.syncDataSync(),
      syncAside: () => file.syncData(),
      close: () => file.close(),
    };
  }

  append(path: string, bytes: Uint8Array, mode: number): void {
    const file = Deno.openSync(path, { append: true, create: true, mode });
    try {
      writeAll(file, bytes);
    } finally {
      file.close();
    }
  }

  rename(from: string, to: string): void {
    Deno.renameSync(from, to);
  }

  remove(path: string): void {
    Deno.removeSync(path);
  }

  openDirectory(path: string): Syncable {
    const directory = Deno.openSync(path);
    return {
      sync: () => directory.syncSync(),
      syncAside: () => directory.sync(),
      close: () => directory.close(),
    };
  }
}

/** The rest of a file that did not fit into one read. */
function readOn(file: Deno.FsFile, start: Uint8Array, maxBytes: number): Uint8Array {
  let bytes = start.slice();
  let length = bytes.length;
  while (length < maxBytes) {
    if (length === bytes.length) {
      const larger = new Uint8Array(Math.min(maxBytes, 2 * length));
      larger.set(bytes);
      bytes = larger;
    }
    const read = file.readSync(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return bytes.slice(0, length);
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

function unlessMissing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
