/**
 * File pinned by its inode (O_PATH): checking and using it concern one file, even if its path is
 * replaced meanwhile.
 *
 * Source: open(2), O_PATH; proc(5), /proc/PID/fd.
 */

import { O_CLOEXEC } from "./c_numbers.ts";
import { checked, cString, libc } from "./libc.ts";
import { MACHINE } from "./machine.ts";

const { O_NOFOLLOW } = MACHINE;
const O_PATH = 0o10000000;

export class PinnedFile implements Disposable {
  readonly #fd: number;

  /**
   * Pins the file at a path; a symbolic link itself is pinned.
   *
   * @throws {LibcError} When it does not exist, or cannot be reached.
   */
  constructor(path: string) {
    const flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    this.#fd = checked("open", libc().open(cString(path), flags, 0));
  }

  /** Path to the pinned file, valid until it is disposed of. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`;
  }

  [Symbol.dispose](): void {
    libc().close(this.#fd);
  }
}
