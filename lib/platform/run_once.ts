/**
 * Run-once lock of sm-notify: nfs-utils' lock file, and beside it the life of the host in which it
 * was created, because the file survives its boot where /run is not a tmpfs. A second line of the
 * file with the life says that the run is not finished; the process of the run holds a lock on that
 * file. So a killed run is noticed also where the disk had no room for the note of `sm.bak`. The
 * lock file itself stays as nfs-utils writes it, and so does its time.
 *
 * Source: behaviour of nfs-utils for the lock file. Deviations: a lock file from another life is
 * ignored; one without a life is believed, as it may be nfs-utils' own; one of a killed run does not
 * end the runs of this boot. An unreadable file is no lock (nfs-utils takes any failure for one).
 */

import { reasonOf } from "../reason.ts";
import { unlessMissing } from "./small_files.ts";

/** Folder of the lock file, on most systems a tmpfs. */
export const RUN_FOLDER = "/run";
/** Names of the lock file and of the file with its life. */
const LOCK = "sm-notify.pid";
const LIFE = "sm-notify.boot";
/** Second line of the file with the life of a run that is not finished. */
const UNFINISHED = "unfinished";
/** Permissions of both files: flock(2) needs no more than reading, and nobody else may hold the lock. */
const MODE = 0o600;
/** Longest life, in bytes. */
const LIFE_MAX_BYTES = 1024;

/** Whether a lock of any life exists, also for users who may not read it; true if unknown. */
export async function isLockThere(directory = RUN_FOLDER): Promise<boolean> {
  try {
    await Deno.lstat(`${directory}/${LOCK}`);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

/** How the run of a lock stands: told all that it had to tell, in progress, or dead before that. */
export type RunOfLock = "finished" | "goingOn" | "cutShort";

/** State of the lock. */
export type LockState =
  /** A run of this life was started. */
  | { readonly kind: "taken"; readonly since: Date | undefined; readonly run: RunOfLock }
  | { readonly kind: "free" }
  /** Unknown: `reason` names the file. `isHidden`: it exists, and only root may read it. */
  | { readonly kind: "unknown"; readonly reason: string; readonly isHidden?: boolean };

/** Lock of one life of the host. */
export interface LockOfLife {
  /** Reads the state of the lock. */
  look(): LockState;
  /** Takes the lock, replacing an earlier one; returns the error on failure, with the file's name. */
  take(isFinished: boolean): string | undefined;
  /**
   * Locks the mark of an unfinished run for the life of this process; undefined if there is none. A
   * failure is returned by {@link HeldLock.finish}.
   */
  hold(): HeldLock | undefined;
}

/** Lock of a life, held by the process of its run. */
export interface HeldLock {
  /** Marks the run as finished, also without root; returns the error on failure. */
  finish(): string | undefined;
}

/** Lock of a life in `directory` (/run). The life is a one-line text; empty: unknown. */
export function lockOfLife(directory: string, life: string): LockOfLife {
  const [lock, lifePath] = [`${directory}/${LOCK}`, `${directory}/${LIFE}`];
  return {
    look() {
      try {
        const facts = unlessMissing(() => Deno.lstatSync(lock));
        if (facts === undefined) return { kind: "free" };
        if (!facts.isFile) return { kind: "unknown", reason: `"${lock}" is not a regular file` };
        const before = life === "" ? NO_LIFE : readLife(lifePath);
        if (before.life !== "" && before.life !== life) return { kind: "free" };
        const run = before.isFinished ? "finished" : isHeld(lifePath) ? "goingOn" : "cutShort";
        return { kind: "taken", since: facts.mtime ?? undefined, run };
      } catch (error) {
        const isHidden = error instanceof Deno.errors.PermissionDenied && Deno.uid() !== 0;
        return { kind: "unknown", reason: (error as Error).message, isHidden };
      }
    },
    take(isFinished) {
      try {
        unlessMissing(() => Deno.removeSync(lock));
        // The life first: a lock without it would count forever where /run survives a boot.
        if (life !== "") writeLife(lifePath, { life, isFinished });
        using file = Deno.openSync(lock, { write: true, createNew: true, mode: MODE });
        file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },
    hold: () => holdLife(lifePath, life),
  };
}

/** A life, and whether its run has ended. */
export interface LifeOfRun {
  /** Empty: none. */
  readonly life: string;
  readonly isFinished: boolean;
}

const NO_LIFE: LifeOfRun = { life: "", isFinished: true };

/** Contents of a file with a life: one line, and `unfinished` on a second one until its run has ended. */
export function textOfLife({ life, isFinished }: LifeOfRun): string {
  return `${life}\n${isFinished ? "" : `${UNFINISHED}\n`}`;
}

/** Reads what {@link textOfLife} wrote; with any other second line the run has not ended. */
export function lifeIn(text: string): LifeOfRun {
  const [life = "", mark = ""] = text.split("\n");
  return { life: life.trim(), isFinished: mark === "" };
}

function readLife(path: string): LifeOfRun {
  const facts = unlessMissing(() => Deno.lstatSync(path));
  if (facts === undefined) return NO_LIFE;
  if (!facts.isFile) throw new Error(`"${path}" is not a regular file`);
  return lifeIn(Deno.readTextFileSync(path).slice(0, LIFE_MAX_BYTES));
}

/** Whether the process of a run holds the file; false if that cannot be told. */
function isHeld(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    return !file.tryLockSync(false);
  } catch {
    return false;
  }
}

/** The open file can still be shortened once the process is not root any more. */
function holdLife(path: string, life: string): HeldLock | undefined {
  const fault = (error: unknown) => `"${path}": ${reasonOf(error)}`;
  let file: Deno.FsFile;
  try {
    const found = readLife(path);
    if (found.isFinished || found.life !== life) return undefined;
    file = Deno.openSync(path, { read: true, write: true });
    file.tryLockSync(true); // in vain only while another process looks
  } catch (error) {
    return { finish: () => fault(error) };
  }
  return {
    finish() {
      try {
        file.truncateSync(new TextEncoder().encode(textOfLife({ life, isFinished: true })).length);
        file.close();
        return undefined;
      } catch (error) {
        return fault(error);
      }
    },
  };
}

/** A new file each time: a run that holds the old one does not mark this one. */
function writeLife(path: string, run: LifeOfRun): void {
  unlessMissing(() => Deno.removeSync(path));
  try {
    Deno.writeTextFileSync(path, textOfLife(run), { createNew: true, mode: MODE });
  } catch (error) {
    unlessMissing(() => Deno.removeSync(path)); // half a life is invalid
    throw error;
  }
}
