/**
 * Lock for one rpcbind per host: `/run/rpcbind.lock`, which Debian's rpcbind also requires.
 *
 * A stand-in rpcbind also holds a lease on the file. Another rpcbind that opens the file blocks
 * until the stand-in has ended, and then gets the port. Only root and our user can open the file,
 * so that no other user can end us. A process that is no rpcbind breaks the lease without effect, if
 * /proc shows root's processes.
 *
 * Source: rpcbind 1.2.6 for the lock; fcntl(2) on F_SETLEASE.
 */

import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { Lease } from "../platform/lease.ts";
import type { Identity } from "../platform/privileges.ts";
import { mayRunAsRoot } from "../platform/process_names.ts";
import { RegularFile } from "../platform/regular_file.ts";

const LOCK_FILE = "/run/rpcbind.lock";
const LOCK_MODE = 0o400;
/** Name of processes that may take over the lock. */
const PROGRAM = "rpcbind";

/** Lock, held until it is disposed of or the process ends. */
export class RpcbindLock {
  readonly #file: RegularFile;
  readonly #lease: Lease;

  private constructor(readonly path: string, file: RegularFile) {
    this.#file = file;
    this.#lease = new Lease(file.fd);
  }

  /**
   * Takes the lock; undefined for users other than root, which work without it.
   *
   * @throws {Error} When another rpcbind holds it, or it cannot be opened.
   */
  static take(path = LOCK_FILE): RpcbindLock | undefined {
    if (Deno.uid() !== 0) return undefined;
    const file = opened(path);
    if (file === undefined) return undefined;
    if (!file.tryLock()) {
      file[Symbol.dispose]();
      throw new Error(`Another rpcbind is running: it has ${quote(path)} locked`);
    }
    Deno.chmodSync(path, LOCK_MODE);
    return new RpcbindLock(path, file);
  }

  /**
   * Takes the lease, so that other processes block when they open the file; false if the system has
   * no leases. The file has to belong to the user that releases the lease later.
   */
  lease({ uid, gid }: Identity): boolean {
    Deno.chownSync(this.path, uid, gid);
    return this.#lease.take();
  }

  /** Calls `takenOver` when another rpcbind blocks on the file; call it after the privilege drop. */
  onTakeOver(takenOver: () => void, until: AbortSignal): void {
    this.#lease.onBreak(() => {
      if (mayRunAsRoot(PROGRAM)) takenOver();
      else this.#lease.give();
    }, until);
  }

  release(): void {
    this.#file[Symbol.dispose]();
  }
}

function opened(path: string): RegularFile | undefined {
  try {
    return RegularFile.openToAppend(path, LOCK_MODE);
  } catch (cause) {
    throw new Error(`Cannot open ${quote(path)}: ${reasonOf(cause)}`, { cause });
  }
}
