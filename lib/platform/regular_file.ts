/**
 * Reading and extending files by the C library's calls. The runtime's own take three times as long,
 * look at a name before they open it, and make an error object, which takes longer than the rest, for
 * each file that is not there.
 *
 * What is opened is a regular file for sure: it is looked at after it was opened, and opening waits for
 * nobody at the other end of a pipe.
 *
 * Source: open(2), read(2), write(2), statx(2); constants of Linux on x86-64 and arm64.
 */

import { cString, lastErrno, libc, LibcError } from "./libc.ts";

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100000 : 0o400000;

const AT_EMPTY_PATH = 0x1000;
const STATX_TYPE = 1;
/** Size of struct statx, and where the 16 bits of its mode are. */
const STATX_BYTES = 256;
const STATX_MODE_OFFSET = 28;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

const ENOENT = 2;
const ENXIO = 6; // a socket, or a pipe without a reader
const ELOOP = 40; // a symbolic link

/** A regular file that is open. */
export class RegularFile implements Disposable {
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

  [Symbol.dispose](): void {
    libc().close(this.fd);
  }

  #typeFault(): Error | undefined {
    const result = libc().statx(this.fd, EMPTY_PATH, AT_EMPTY_PATH, STATX_TYPE, facts);
    if (result < 0) return new LibcError("statx", lastErrno());
    const type = factsView.getUint16(STATX_MODE_OFFSET, true) & S_IFMT;
    return type === S_IFREG ? undefined : notRegular();
  }
}

const EMPTY_PATH = new Uint8Array(1);
/** What statx(2) fills in; nothing is left in it between two calls. */
const facts = new Uint8Array(STATX_BYTES);
const factsView = new DataView(facts.buffer);

function notRegular(): Error {
  return new Error("it is not a regular file");
}
