/**
 * File that is held by its inode (O_PATH): it is looked at and used as one file, even if somebody replaces
 * the path meanwhile.
 *
 * Source: open(2), O_PATH; proc(5), /proc/PID/fd.
 */

import { checked, cString, libc } from "./libc.ts";
import { MACHINE } from "./machine.ts";

const { O_NOFOLLOW } = MACHINE;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;

export class PinnedFile implements Disposable {
  readonly #fd: number;

  /**
   * Holds the file at a path; a symbolic link is held as such.
   *
   * @throws {LibcError} When there is none, or it cannot be reached.
   */
  constructor(path: string) {
    const flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    this.#fd = checked("open", libc().open(cString(path), flags, 0));
  }

  /** A path that leads to this file, as long as it is held. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`;
  }

  [Symbol.dispose](): void {
    libc().close(this.#fd);
  }
}
