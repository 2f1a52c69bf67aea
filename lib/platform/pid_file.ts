/**
 * Pid file of the daemon below /run: the process id in decimal and a line end.
 *
 * The directory must be writable only by root, since its paths are used repeatedly.
 *
 * Source: behaviour of nfs-utils. Deviation: the pid file is locked while the daemon lives, so that
 * a second daemon notices it.
 */

import type { Identity } from "./privileges.ts";
import { removeIfThere, unlessMissing } from "./small_files.ts";

/** Pid file of rpc.statd in the host's network namespace. */
const STATD_PID_FILE = "/run/rpc.statd.pid";
/** Mode that lets only root and the daemon's user open, and so lock, the file. */
const PID_MODE = 0o600;
/** Mode bits of group and world. */
const OTHERS = 0o077;
/** Limit of attempts, since another process may create the pid file that we just removed. */
const CREATE_TRIES = 3;

/**
 * Default pid file of rpc.statd: one per network namespace, because /run is often shared by several
 * (`ip netns exec`). `own` and `host` are the kernel's names of our namespace and of process 1's,
 * if known.
 */
export function statdPidFile(own: string | undefined, host: string | undefined): string {
  const id = /^net:\[(\d+)\]$/.exec(own ?? "")?.[1];
  if (id === undefined || host === undefined || own === host) return STATD_PID_FILE;
  return STATD_PID_FILE.replace(/\.pid$/, `.net-${id}.pid`);
}

/** Thrown when another process has the pid file locked. */
export class AlreadyRunningError extends Error {
  override readonly name = "AlreadyRunningError";

  /** `pid` is the content of the file: digits, or empty. */
  constructor(readonly path: string, readonly pid: string) {
    super(`Cannot take over "${path}": process ${pid || "of unknown id"} is running`);
  }
}

/** Pid file of a running daemon. */
export class PidFile {
  readonly #file: Deno.FsFile;

  private constructor(readonly path: string, file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Writes a new pid file, replacing a stale one of any type.
   *
   * @throws {AlreadyRunningError} When its owner is alive.
   */
  static create(path: string, pid = Deno.pid): PidFile {
    for (let left = CREATE_TRIES;; left--) {
      removeIfAbandoned(path);
      try {
        const file = Deno.openSync(path, { write: true, createNew: true, mode: PID_MODE });
        try {
          lock(file, path);
          writePid(file, pid);
          return new PidFile(path, file);
        } catch (error) {
          file.close();
          throw error;
        }
      } catch (error) {
        // another daemon is starting: the next attempt checks its file
        if (!(error instanceof Deno.errors.AlreadyExists) || left === 0) throw error;
      }
    }
  }

  /** Gives the file to the user that the daemon will become. */
  giveTo({ uid, gid }: Identity): void {
    Deno.chownSync(this.path, uid, gid);
  }

  /** Empties and closes the file, which the daemon may no longer remove. */
  release(): void {
    this.#file.truncateSync(0);
    this.#file.close();
  }
}

/**
 * Removes a file at the pid file's path. A lock on a file that group or world can open (nfs-utils'
 * own, or an earlier version's) proves nothing, because any user can take it.
 *
 * @throws {AlreadyRunningError} When it is the pid file of a live daemon.
 */
function removeIfAbandoned(path: string): void {
  using old = openIfRegular(path);
  if (old !== undefined && (old.statSync().mode! & OTHERS) === 0) lock(old, path);
  removeIfThere(path);
}

function lock(file: Deno.FsFile, path: string): void {
  if (file.tryLockSync(true)) return;
  const [pid = ""] = /^\d{1,10}(?=\n?$)/.exec(Deno.readTextFileSync(path)) ?? [];
  throw new AlreadyRunningError(path, pid);
}

function writePid(file: Deno.FsFile, pid: number): void {
  file.writeSync(new TextEncoder().encode(`${pid}\n`)); // too short for a partial write
}

function openIfRegular(path: string): Deno.FsFile | undefined {
  return unlessMissing(() => Deno.lstatSync(path).isFile ? Deno.openSync(path) : undefined);
}
