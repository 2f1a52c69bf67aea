/**
 * Run-once lock of sm-notify: nfs-utils' lock file, and beside it the life of the host in which it
 * was created, because the file survives its boot where /run is not a tmpfs.
 *
 * Source: behaviour of nfs-utils for the lock file. Deviations: a lock file from another life is
 * ignored; one without a life is believed, as it may be nfs-utils' own. An unreadable file is no
 * lock (nfs-utils takes any failure for one).
 */

import { unlessMissing } from "./small_files.ts";

/** Folder of the lock file, on most systems a tmpfs. */
export const RUN_FOLDER = "/run";
/** Names of the lock file and of the file with its life. */
const LOCK = "sm-notify.pid";
const LIFE = "sm-notify.boot";
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

/** State of the lock. */
export type LockState =
  /** Peers were told in this life, or a run is in progress. */
  | { readonly kind: "taken"; readonly since: Date | undefined }
  | { readonly kind: "free" }
  /** Unknown: `reason` names the file. */
  | { readonly kind: "unknown"; readonly reason: string };

/** Lock of one life of the host. */
export interface LockOfLife {
  /** Reads the state of the lock. */
  look(): LockState;
  /** Takes the lock, replacing an earlier one; returns the error on failure, with the file's name. */
  take(): string | undefined;
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
        const before = life === "" ? "" : readLife(lifePath);
        const isOurs = before === "" || before === life;
        return isOurs ? { kind: "taken", since: facts.mtime ?? undefined } : { kind: "free" };
      } catch (error) {
        return { kind: "unknown", reason: (error as Error).message };
      }
    },
    take() {
      try {
        unlessMissing(() => Deno.removeSync(lock));
        // The life first: a lock without it would count forever where /run survives a boot.
        if (life !== "") writeLife(lifePath, life);
        using file = Deno.openSync(lock, { write: true, createNew: true, mode: MODE });
        file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    },
  };
}

function readLife(path: string): string {
  const facts = unlessMissing(() => Deno.lstatSync(path));
  if (facts === undefined) return "";
  if (!facts.isFile) throw new Error(`"${path}" is not a regular file`);
  return Deno.readTextFileSync(path).slice(0, LIFE_MAX_BYTES).trim();
}

function writeLife(path: string, life: string): void {
  const facts = unlessMissing(() => Deno.lstatSync(path));
  if (facts?.isFile && readLife(path) === life) return;
  if (facts !== undefined) Deno.removeSync(path);
  try {
    Deno.writeTextFileSync(path, `${life}\n`, { createNew: true, mode: MODE });
  } catch (error) {
    unlessMissing(() => Deno.removeSync(path)); // half a life is invalid
    throw error;
  }
}
