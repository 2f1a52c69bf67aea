/**
 * One rpcbind for each host: `/run/rpcbind.lock`, which Debian's rpcbind locks too, and without which it
 * does not start.
 *
 * An rpcbind that stands in has a lease on the file besides. Another rpcbind that opens it waits, until
 * the one that stands in has ended, and then has the port. The file is for root and our user alone, so that nobody else
 * can end us by opening it; and who is no rpcbind gets it opened without that.
 *
 * Source: rpcbind 1.2.6 for the lock; fcntl(2) on F_SETLEASE.
 */

import { quote } from "../quote.ts";
import { Lease } from "../platform/lease.ts";
import type { Identity } from "../platform/privileges.ts";
import { isProcessNamed } from "../platform/process_names.ts";
import { RegularFile } from "../platform/regular_file.ts";

const LOCK_FILE = "/run/rpcbind.lock";
const LOCK_MODE = 0o400;
/** The name of a process that may take over. */
const PROGRAM = "rpcbind";

/** The lock, held until it is disposed of or the process ends. */
export class RpcbindLock {
  readonly #file: RegularFile;
  readonly #lease: Lease;

  private constructor(readonly path: string, file: RegularFile) {
    this.#file = file;
    this.#lease = new Lease(file.fd);
  }

  /**
   * Takes the lock; as another user than root it is done without.
   *
   * @throws {Error} When another rpcbind has it.
   */
  static take(path = LOCK_FILE): RpcbindLock | undefined {
    if (Deno.uid() !== 0) return undefined;
    const file = RegularFile.openToAppend(path, LOCK_MODE);
    if (file === undefined) return undefined;
    if (!file.tryLock()) {
      file[Symbol.dispose]();
      throw new Error(`Another rpcbind is running: it has ${quote(path)} locked`);
    }
    Deno.chmodSync(path, LOCK_MODE);
    return new RpcbindLock(path, file);
  }

  /**
   * From now on another process that opens the file waits; whether the system does that. The file has to
   * belong to the user that gives the lease later.
   */
  lease({ uid, gid }: Identity): boolean {
    Deno.chownSync(this.path, uid, gid);
    return this.#lease.take();
  }

  /** Calls `takenOver` when another rpcbind waits for the file; to be called after the privilege drop. */
  onTakeOver(takenOver: () => void, until: AbortSignal): void {
    this.#lease.onBreak(() => {
      if (isProcessNamed(PROGRAM)) takenOver();
      else this.#lease.give();
    }, until);
  }

  /** Gives it up. */
  release(): void {
    this.#file[Symbol.dispose]();
  }
}
