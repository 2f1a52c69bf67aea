/**
 * The pid file of the daemon below /run: the process id in decimal and a line end.
 *
 * The directory has to be writable by root alone: paths in it are used more than once.
 *
 * Source: behaviour of nfs-utils. Deviation: the pid file is locked while the daemon lives, so that a
 * second daemon finds out.
 */

import type { Identity } from "./privileges.ts";

/** The pid file of rpc.statd. */
export const STATD_PID_FILE = "/run/rpc.statd.pid";

/** Another process has the pid file locked. */
export class AlreadyRunningError extends Error {
  override readonly name = "AlreadyRunningError";

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
    const old = openIfRegular(path);
    try {
      if (old !== undefined) lock(old, path);
      removeIfThere(path);
      const file = Deno.openSync(path, { write: true, createNew: true, mode: 0o644 });
      lock(file, path);
      Deno.chmodSync(path, 0o644); // whatever the umask
      writePid(file, pid);
      return new PidFile(path, file);
    } finally {
      old?.close();
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

function lock(file: Deno.FsFile, path: string): void {
  if (file.tryLockSync(true)) return;
  throw new AlreadyRunningError(path, Deno.readTextFileSync(path).trim());
}

function writePid(file: Deno.FsFile, pid: number): void {
  file.writeSync(new TextEncoder().encode(`${pid}\n`)); // too short to be written in parts
}

function openIfRegular(path: string): Deno.FsFile | undefined {
  try {
    return Deno.lstatSync(path).isFile ? Deno.openSync(path) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
