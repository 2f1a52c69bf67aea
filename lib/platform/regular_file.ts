/**
 * Regular files through C library calls. Deno's own calls take three times as long, check every
 * directory of a path before opening it, and create an error object for a missing file, which costs
 * more than the rest.
 *
 * Only regular files are opened: the type is checked after opening (fstat), and O_NONBLOCK keeps a
 * FIFO from blocking.
 *
 * Source: open(2), read(2), write(2), stat(2), sync_file_range(2), fdatasync(2); constants of Linux
 * on x86-64 and arm64.
 */

import { O_APPEND, O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "./c_numbers.ts";
import { cString, lastErrno, lastSystemError, libc, LibcError } from "./libc.ts";
import { MACHINE } from "./machine.ts";
import { syncBy } from "./sync_calls.ts";

const { O_DIRECTORY, O_NOFOLLOW } = MACHINE;
const O_CREAT = 0o100;
const O_EXCL = 0o200;

/**
 * fstat as a raw system call: old container runtimes refuse statx(2), and glibc has the function
 * only from 2.33 on. Source: asm/unistd.h.
 */
const SYS_FSTAT = MACHINE.systemCalls.fstat;
/** Size of a buffer for struct stat, and the offsets used. */
const STAT_BYTES = 256;
const STAT = MACHINE.stat;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

const SYNC_FILE_RANGE_WRITE = 2;

const LOCK_EX = 2;
const LOCK_NB = 4;

const ENOENT = 2;
const ENXIO = 6; // a socket, or a pipe without a reader
const ELOOP = 40; // a symbolic link
const EWOULDBLOCK = 11;

/** Open regular file. */
export class RegularFile implements Disposable {
  /** Length of the old contents, in bytes, for a file being rewritten. */
  #size = 0;

  private constructor(readonly fd: number) {}

  /**
   * Opens a file for reading; undefined if there is none.
   *
   * @throws {Error} When it is no regular file; nor is a symbolic link, unless links are followed.
   * @throws {LibcError} When it cannot be opened.
   */
  static openToRead(path: string, { followsLinks = false } = {}): RegularFile | undefined {
    return RegularFile.#open(path, O_RDONLY | (followsLinks ? 0 : O_NOFOLLOW), 0);
  }

  /**
   * Opens a file for appending, creating it if missing. `mode` is subject to the umask. No symbolic
   * link is followed.
   *
   * @throws {Error} When it is no regular file.
   * @throws {LibcError} When it cannot be opened.
   */
  static openToAppend(path: string, mode: number): RegularFile | undefined {
    return RegularFile.#open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, mode);
  }

  /**
   * Opens any owner's file for overwriting from its start; undefined if there is none. No symbolic
   * link is followed.
   *
   * @throws {Error} When it is no regular file.
   * @throws {LibcError} When it cannot be opened.
   */
  static openToOverwrite(path: string): RegularFile | undefined {
    return RegularFile.#open(path, O_WRONLY | O_NOFOLLOW, 0);
  }

  /** Creates a file for writing (O_EXCL); undefined on failure. `mode` is subject to the umask. */
  static create(path: string, mode: number): RegularFile | undefined {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const fd = libc().open(cString(path), flags, mode);
    return fd < 0 ? undefined : new RegularFile(fd);
  }

  /**
   * Opens our own file for rewriting from its start; undefined on failure, or if it has another
   * owner, another mode, or a second hard link.
   */
  static openToRewrite(path: string, mode: number): RegularFile | undefined {
    const flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const fd = libc().open(cString(path), flags, 0);
    if (fd < 0) return undefined;
    const file = new RegularFile(fd);
    const isOurs = file.#typeFault() === undefined &&
      (factsView.getUint32(STAT.mode, true) & ~S_IFMT) === mode &&
      factsView.getUint32(STAT.nlink, true) === 1 &&
      factsView.getUint32(STAT.uid, true) === Deno.uid();
    if (isOurs) {
      file.#size = Number(factsView.getBigUint64(STAT.size, true));
      return file;
    }
    file[Symbol.dispose]();
    return undefined;
  }

  static #open(path: string, flags: number, mode: number): RegularFile | undefined {
    const fd = libc().open(cString(path), flags | O_NONBLOCK | O_CLOEXEC, mode);
    if (fd < 0) {
      const errno = lastErrno();
      if (errno === ENOENT) return undefined;
      if (errno === ENXIO || errno === ELOOP) throw notRegular();
      throw new LibcError("open", errno);
    }
    const file = new RegularFile(fd);
    const typeFault = file.#typeFault();
    if (typeFault === undefined) return file;
    file[Symbol.dispose]();
    throw typeFault;
  }

  /**
   * Reads the next bytes into a buffer; fewer than requested only at the end.
   *
   * @throws {LibcError}
   */
  read(into: Uint8Array<ArrayBuffer>): number {
    const length = libc().read(this.fd, into, BigInt(into.length));
    if (length < 0) throw new LibcError("read", lastErrno());
    return length;
  }

  /** Writes bytes; returns how many were written, fewer only on a problem. */
  write(bytes: Uint8Array<ArrayBuffer>): number {
    return Math.max(0, libc().write(this.fd, bytes, BigInt(bytes.length)));
  }

  /**
   * Replaces the contents of the file.
   *
   * @throws {Error} When the disk refuses.
   */
  writeWhole(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length;) {
      const rest = bytes.subarray(at);
      const written = libc().write(this.fd, rest, BigInt(rest.length));
      if (written <= 0) throw lastSystemError();
      at += written;
    }
    if (this.#size <= bytes.length) return;
    if (libc().ftruncate(this.fd, BigInt(bytes.length)) < 0) throw lastSystemError();
  }

  /** Starts write-back without waiting. */
  startSync(): void {
    libc().sync_file_range(this.fd, 0n, 0n, SYNC_FILE_RANGE_WRITE); // on failure sync() does all
  }

  /**
   * Makes the data durable, and the metadata needed to read them; the modification time may be
   * lost.
   *
   * @throws {Error}
   */
  sync(): void {
    syncBy("fdatasync", this.fd);
  }

  /** Makes data and all metadata durable. @throws {Error} */
  syncWhole(): void {
    syncBy("fsync", this.fd);
  }

  /**
   * Locks the whole file (flock(2)) until it is closed; false if another process holds the lock.
   *
   * @throws {LibcError} When the file system has no locks.
   */
  tryLock(): boolean {
    if (libc().flock(this.fd, LOCK_EX | LOCK_NB) === 0) return true;
    const errno = lastErrno();
    if (errno === EWOULDBLOCK) return false;
    throw new LibcError("flock", errno);
  }

  [Symbol.dispose](): void {
    libc().close(this.fd);
  }

  #typeFault(): Error | undefined {
    const result = libc().syscall(SYS_FSTAT, BigInt(this.fd), facts);
    if (result < 0) return new LibcError("fstat", lastErrno());
    const type = factsView.getUint32(STAT.mode, true) & S_IFMT;
    return type === S_IFREG ? undefined : notRegular();
  }
}

/** Open directory, whose names can be synced. */
export class OpenDirectory implements Disposable {
  private constructor(readonly fd: number) {}

  /** Opens a directory; undefined on failure. */
  static open(path: string): OpenDirectory | undefined {
    const fd = libc().open(cString(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    return fd < 0 ? undefined : new OpenDirectory(fd);
  }

  /** Makes the names in it durable. @throws {Error} */
  sync(): void {
    syncBy("fsync", this.fd);
  }

  /**
   * Names in the directory, without `.` and `..`. Deno's listing silently skips unreadable entries.
   *
   * @throws {Error} When it cannot be read completely.
   */
  entries(): NamedEntry[] {
    const found: NamedEntry[] = [];
    for (;;) {
      const length = Number(
        libc().getdents64(GETDENTS64, BigInt(this.fd), entryBuffer, BigInt(entryBuffer.length)),
      );
      if (length < 0) throw lastSystemError();
      if (length === 0) return found;
      found.push(...entriesIn(entryBuffer.subarray(0, length)));
    }
  }

  [Symbol.dispose](): void {
    libc().close(this.fd);
  }
}

/** Entries in the result of one getdents64(2), without `.` and `..`. */
export function entriesIn(bytes: Uint8Array<ArrayBuffer>): NamedEntry[] {
  const found: NamedEntry[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + (bytes[at + ENTRY_LENGTH_OFFSET]! | bytes[at + ENTRY_LENGTH_OFFSET + 1]! << 8);
    const name = bytes.subarray(at + ENTRY_NAME_OFFSET, end);
    const text = decoder.decode(name.subarray(0, name.indexOf(0)));
    const type = bytes[at + ENTRY_TYPE_OFFSET]!;
    if (text !== "." && text !== "..") found.push({ name: text, type });
    at = end;
  }
  return found;
}

/** Directory entry with its type from getdents64(2), a `DT_` number. */
export interface NamedEntry {
  readonly name: string;
  readonly type: number;
}

/** Types of entries; 0: unknown to the file system. */
export const DT_UNKNOWN = 0;
export const DT_DIRECTORY = 4;
export const DT_REGULAR = 8;
export const DT_LINK = 10;

/** System call number, and the layout of struct linux_dirent64. */
const GETDENTS64 = MACHINE.systemCalls.getdents64;
const ENTRY_LENGTH_OFFSET = 16;
const ENTRY_TYPE_OFFSET = 18;
const ENTRY_NAME_OFFSET = 19;
/** Size of one read of a directory, in bytes, as in the C library. */
export const ENTRIES_BYTES = 32_768;
const entryBuffer = new Uint8Array(ENTRIES_BYTES);
const decoder = new TextDecoder();

/** Renames a file atomically; false on failure. */
export function renameFile(from: string, to: string): boolean {
  return libc().rename(cString(from), cString(to)) === 0;
}

/** Unlinks a file; false on failure. */
export function removeFile(path: string): boolean {
  return libc().unlink(cString(path)) === 0;
}

/** Buffer for fstat, reused by each call. */
const facts = new Uint8Array(STAT_BYTES);
const factsView = new DataView(facts.buffer);

function notRegular(): Error {
  return new Error("it is not a regular file");
}
