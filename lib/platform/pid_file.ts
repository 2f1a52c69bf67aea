/**
 * The pid file of the daemon below /run: the process id in decimal and a line end.
 *
 * The directory has to be writable by root alone: paths in it are used more than once.
 *
 * Source: behaviour of nfs-utils. Deviation: the pid file is locked while the daemon lives, so that a
 * second daemon finds out.
 */

import type { Identity } from "./privileges.ts";
import { removeIfThere, unlessMissing } from "./small_files.ts";

/** Pid file of rpc.statd in the host's network namespace. */
const STATD_PID_FILE = "/run/rpc.statd.pid";
/** Only root and the daemon's own user can open it, and so lock it. */
const PID_MODE = 0o600;
/** Mode bits by which group and world may open a file. */
const OTHERS = 0o077;
/** Limit on attempts, since another process may create the pid file that we just removed. */
const CREATE_TRIES = 3;

/**
 * The pid file of rpc.statd, unless a setting names another: one for each network namespace, because /run
 * is often shared by several (`ip netns exec`). `own` and `host` are what the kernel calls the namespaces
 * of this process and of process 1, where it tells.
 */
export function statdPidFile(own: string | undefined, host: string | undefined): string {
  const id = /^net:\[(\d+)\]$/.exec(own ?? "")?.[1];
  if (id === undefined || host === undefined || own === host) return STATD_PID_FILE;
  return STATD_PID_FILE.replace(/\.pid$/, `.net-${id}.pid`);
}

/** Another process has the pid file locked. */
export class AlreadyRunningError extends Error {
  override readonly name = "AlreadyRunningError";

  /** `pid` is what the file says, which is digits or empty. */
  constructor(readonly path: string, readonly pid: string) {
    super(`Cannot take over "${path}": process ${pid || "of unknown id"} is running`);
  }
}

/** The pid file of a running daemon. */
export class PidFile {
  readonly #file: Deno.FsFile;

  private constructor(readonly path: string, file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Writes a new pid file in place of one left behind, whatever that is.
   *
   * @throws {AlreadyRunningError} When its owner lives.
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
        // another daemon starts at this moment: its file is looked at next
        if (!(error instanceof Deno.errors.AlreadyExists) || left === 0) throw error;
      }
    }
  }

  /** Hands the file to the user that the daemon is going to be. */
  giveTo({ uid, gid }: Identity): void {
    Deno.chownSync(this.path, uid, gid);
  }

  /** Empties the file, which the daemon may not remove any more, and lets go of it. */
  release(): void {
    this.#file.truncateSync(0);
    this.#file.close();
  }
}

/**
 * Removes a file in the place of the pid file. A lock on a file that group or world can open (nfs-utils'
 * own, or an earlier version's) proves nothing, because anybody can take it.
 *
 * @throws {AlreadyRunningError} When it is the pid file of a daemon that lives.
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
  file.writeSync(new TextEncoder().encode(`${pid}\n`)); // too short to be written in parts
}

function openIfRegular(path: string): Deno.FsFile | undefined {
  return unlessMissing(() => Deno.lstatSync(path).isFile ? Deno.openSync(path) : undefined);
}
