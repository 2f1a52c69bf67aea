/**
 * Stamp of the file at a path: device, inode, size, and times of change. It shows for one system
 * call that nothing was written or renamed there.
 *
 * A stamp cannot show two changes within a tick of the file system's clock. So equal stamps count
 * only {@link STAMP_SETTLES_MS} after the first of them was seen: no later change can have it.
 * Only our monotonic clock measures that time, since a file server's clock may differ from ours.
 * Not shown is a change whose time was set back to that very tick by settimeofday(2).
 *
 * statx(2) asks a file server (AT_STATX_FORCE_SYNC), as open(2) does; stat(2) may answer from a
 * cache that is a minute old. An old container runtime refuses statx(2), and a file system may have
 * no times: then every file counts as changed.
 *
 * Source: statx(2), and linux/stat.h for struct statx, which is equal on all machines.
 */

import { cString, libc } from "./libc.ts";
import { MACHINE } from "./machine.ts";

/** Longest tick of a file system's clock, 2 s on FAT, and a second for the way to a server; in ms. */
export const STAMP_SETTLES_MS = 3_000;

const AT_FDCWD = -100;
const AT_STATX_FORCE_SYNC = 0x2000;
const STATX_MTIME = 0x40;
const STATX_CTIME = 0x80;
const STATX_INO = 0x100;
const STATX_SIZE = 0x200;
const WANTED = STATX_MTIME | STATX_CTIME | STATX_INO | STATX_SIZE;

const STATX_BYTES = 256;
/** Words of 4 bytes in struct statx. */
const MASK = 0;
const CTIME_SECONDS = 24;
/** Words of stx_ino, stx_size, stx_ctime, stx_mtime (both without padding) and stx_dev. */
const STAMP_WORDS = [8, 9, 10, 11, CTIME_SECONDS, 25, 26, 28, 29, 30, 34, 35] as const;

export class FileStamp {
  readonly #path: Uint8Array<ArrayBuffer>;
  readonly #now: () => number;
  readonly #found = new Uint32Array(STATX_BYTES / 4);
  readonly #stamp = new Uint32Array(STAMP_WORDS.length);
  /** When the stamp was first seen, in ms; NaN: there is none. */
  #since = NaN;
  #isSettled = false;

  /** `now` is monotonic, in ms. */
  constructor(path: string, now: () => number = () => performance.now()) {
    this.#path = cString(path);
    this.#now = now;
  }

  /**
   * Whether the file is certainly as it was at the last call, which returned true, or false just
   * before the file was read. Symbolic links are followed.
   */
  isUnchanged(): boolean {
    if (!this.#find()) {
      this.forget();
      return false;
    }
    if (!this.#isNew()) {
      if (this.#isSettled) return true;
      this.#isSettled = this.#now() - this.#since >= STAMP_SETTLES_MS;
      return false; // what was read before may be older than the last change within the tick
    }
    for (const [i, word] of STAMP_WORDS.entries()) this.#stamp[i] = this.#found[word]!;
    this.#since = this.#now();
    this.#isSettled = false;
    return false;
  }

  /** Makes the file count as changed, for a caller that could not read it. */
  forget(): void {
    this.#since = NaN;
  }

  /** Asks for the file's facts; false without a file, or without an answer. */
  #find(): boolean {
    const found = this.#found;
    const result = libc()
      .statx(MACHINE.systemCalls.statx, AT_FDCWD, this.#path, AT_STATX_FORCE_SYNC, WANTED, found);
    return result === 0 && (found[MASK]! & WANTED) === WANTED && found[CTIME_SECONDS] !== 0;
  }

  #isNew(): boolean {
    if (Number.isNaN(this.#since)) return true;
    for (let i = 0; i < STAMP_WORDS.length; i++) {
      if (this.#stamp[i] !== this.#found[STAMP_WORDS[i]!]) return true;
    }
    return false;
  }
}
