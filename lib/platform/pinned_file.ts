/**
 * File pinned by its inode (O_PATH): checking and using it concern one file, even if its path is
 * replaced meanwhile.
 *
 * Source: open(2), O_PATH; proc(5), /proc/PID/fd.
 */

import { isActingAsOwner } from "./as_owner.ts";
import { O_CLOEXEC } from "./c_numbers.ts";
import { checked, cString, libc } from "./libc.ts";
import { MACHINE } from "./machine.ts";
import { isMissing } from "./small_files.ts";

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

/**
 * Opens a file through Deno, whose errors say more than those of libc. While root acts as another
 * user, that user may put a FIFO in its place, which would be waited for: the file is pinned, and
 * has to be a regular one.
 *
 * @throws {Error} When it cannot be opened.
 */
export function openByDeno(path: string, options: Deno.OpenOptions): Deno.FsFile {
  if (!isActingAsOwner()) return Deno.openSync(path, options);
  const { create = false, ...others } = options;
  if (create && isMissing(path)) return Deno.openSync(path, { ...others, createNew: true });
  using file = new PinnedFile(Deno.realPathSync(path));
  if (!Deno.statSync(file.path).isFile) throw new Error("it is not a regular file");
  const { read = false, append = false } = others;
  return Deno.openSync(file.path, { read, append });
}
