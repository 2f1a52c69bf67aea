/**
 * Reading and writing files by the C library's calls. The runtime's own take three times as long, look
 * at every folder on the way to a file before they open it, and make an error object, which takes longer
 * than the rest, for each file that is not there.
 *
 * Only regular files are opened: the type is looked at after opening (fstat), and O_NONBLOCK keeps a FIFO
 * from blocking.
 *
 * Source: open(2), read(2), write(2), stat(2), sync_file_range(2), fdatasync(2); constants of Linux on
 * x86-64 and arm64.
 */

import { cString, lastErrno, lastSystemError, libc, LibcError } from "./libc.ts";
import { MACHINE } from "./machine.ts";
import { syncBy } from "./sync_calls.ts";

const { O_DIRECTORY, O_NOFOLLOW } = MACHINE;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/**
 * fstat as a system call of its own: filters of old container runtimes refuse statx(2), and glibc has a
 * function for it from 2.33 on only. Source: asm/unistd.h.
 */
const SYS_FSTAT = MACHINE.systemCalls.fstat;
/** Room for struct stat, and where what is wanted is in it. */
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

/** A regular file that is open. */
export class RegularFile implements Disposable {
  /** Length of what was there before, in bytes, where it is written anew. */
  #size = 0;

  private constructor(readonly fd: number) {}

  /**
   * Opens a file to be read; undefined where there is none.
   *
   * @throws {Error} When it is no regular file; a symbolic link is none, unless links are followed.
   * @throws {LibcError} When it cannot be had.
   */
  static openToRead(path: string, { followsLinks = false } = {}): RegularFile | undefined {
    return RegularFile.#open(path, O_RDONLY | (followsLinks ? 0 : O_NOFOLLOW), 0);
  }

  /**
   * Opens a file to be written behind its end; makes it where it is missing. `mode` is subject to the
   * umask. No symbolic link is followed.
   *
   * @throws {Error} When it is no regular file.
   * @throws {LibcError} When it cannot be had.
   */
  static openToAppend(path: string, mode: number): RegularFile | undefined {
    return RegularFile.#open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, mode);
  }

  /**
   * Opens a file to be overwritten from its start, whoever it belongs to; undefined where there is none. No
   * symbolic link is followed.
   *
   * @throws {Error} When it is no regular file.
   * @throws {LibcError} When it cannot be had.
   */
  static openToOverwrite(path: string): RegularFile | undefined {
    return RegularFile.#open(path, O_WRONLY | O_NOFOLLOW, 0);
  }

  /**
   * Makes a file to be written, whose name nothing has yet; undefined where that is not possible.
   * `mode` is subject to the umask.
   */
  static create(path: string, mode: number): RegularFile | undefined {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const fd = libc().open(cString(path), flags, mode);
    return fd < 0 ? undefined : new RegularFile(fd);
  }

  /**
   * Opens a file to be overwritten from its start; undefined where that is not possible, or the file is not
   * ours alone: another owner, another mode, or a second hard link.
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
   * Reads on into a buffer; the number of bytes, which is less than asked for only at the end.
   *
   * @throws {LibcError}
   */
  read(into: Uint8Array<ArrayBuffer>): number {
    const length = libc().read(this.fd, into, BigInt(into.length));
    if (length < 0) throw new LibcError("read", lastErrno());
    return length;
  }

  /** Writes as much as is taken; the number of bytes, which is less only where something is amiss. */
  write(bytes: Uint8Array<ArrayBuffer>): number {
    return Math.max(0, libc().write(this.fd, bytes, BigInt(bytes.length)));
  }

  /**
   * Makes all of the bytes what the file holds.
   *
   * @throws {Error} When the disk does not take them.
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

  /** Has the disk begin to write, without waiting for it. */
  startSync(): void {
    libc().sync_file_range(this.fd, 0n, 0n, SYNC_FILE_RANGE_WRITE); // where it cannot, sync() does all
  }

  /**
   * Returns when the data are on disk, and what is needed to read them back; the time of the change may
   * be lost.
   *
   * @throws {Error}
   */
  sync(): void {
    syncBy("fdatasync", this.fd);
  }

  /** Returns when everything about the file is on disk, times included. @throws {Error} */
  syncWhole(): void {
    syncBy("fsync", this.fd);
  }

  /**
   * Locks the file as a whole until it is closed; whether nobody else has it locked (flock(2)).
   *
   * @throws {LibcError} Where the file system has no locks.
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

/** A directory that is open, so that the names in it can be made to last. */
export class OpenDirectory implements Disposable {
  private constructor(readonly fd: number) {}

  /** Opens a directory; undefined where that is not possible. */
  static open(path: string): OpenDirectory | undefined {
    const fd = libc().open(cString(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    return fd < 0 ? undefined : new OpenDirectory(fd);
  }

  /** Returns when the names in it are on disk. @throws {Error} */
  sync(): void {
    syncBy("fsync", this.fd);
  }

  /**
   * The names in it, without `.` and `..`. The runtime's list leaves out what it cannot read, without a
   * word.
   *
   * @throws {Error} When not all of them can be read.
   */
  entries(): NamedEntry[] {
    const found: NamedEntry[] = [];
    for (;;) {
      const length = Number(
        libc().getdents64(GETDENTS64, BigInt(this.fd), entryBuffer, BigInt(entryBuffer.length)),
      );
      if (length < 0) throw lastSystemError();
      if (length === 0) return found;
      for (let at = 0; at < length;) {
        const end = at + entryView.getUint16(at + ENTRY_LENGTH_OFFSET, true);
        const name = entryBuffer.subarray(at + ENTRY_NAME_OFFSET, end);
        const text = decoder.decode(name.subarray(0, name.indexOf(0)));
        const type = entryBuffer[at + ENTRY_TYPE_OFFSET]!;
        if (text !== "." && text !== "..") found.push({ name: text, type });
        at = end;
      }
    }
  }

  [Symbol.dispose](): void {
    libc().close(this.fd);
  }
}

/** One name in a directory, and the type that getdents64(2) gives it: a `DT_` number. */
export interface NamedEntry {
  readonly name: string;
  readonly type: number;
}

/** Types of entries; 0 is one that the file system does not tell. */
export const DT_UNKNOWN = 0;
export const DT_DIRECTORY = 4;
export const DT_REGULAR = 8;
export const DT_LINK = 10;

/** Number of the system call, and the layout of struct linux_dirent64. */
const GETDENTS64 = MACHINE.systemCalls.getdents64;
const ENTRY_LENGTH_OFFSET = 16;
const ENTRY_TYPE_OFFSET = 18;
const ENTRY_NAME_OFFSET = 19;
/** Size of one read of a directory, in bytes: as the C library has it. */
const entryBuffer = new Uint8Array(32_768);
const entryView = new DataView(entryBuffer.buffer);
const decoder = new TextDecoder();

/** Gives a file another name in one step; whether that was possible. */
export function renameFile(from: string, to: string): boolean {
  return libc().rename(cString(from), cString(to)) === 0;
}

/** Removes a file's name; whether that was possible. */
export function removeFile(path: string): boolean {
  return libc().unlink(cString(path)) === 0;
}

/** Buffer for fstat, of no meaning between two calls. */
const facts = new Uint8Array(STAT_BYTES);
const factsView = new DataView(facts.buffer);

function notRegular(): Error {
  return new Error("it is not a regular file");
}
