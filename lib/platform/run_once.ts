/**
 * Run-once lock of sm-notify: nfs-utils' lock file, and beside it the life of the host in which it was
 * made, because the file outlives its boot where /run is not a tmpfs.
 *
 * Source: behaviour of nfs-utils for the lock file. Deviations: a lock file from another life does not
 * count; one that has no life beside it is believed, as it may be nfs-utils' own. What cannot be looked
 * at is not taken for a lock (nfs-utils: any failure means that it has run).
 */

import { unlessMissing } from "./small_files.ts";

/** Names of the lock file and of the file with the life that it was made in. */
const LOCK = "sm-notify.pid";
const LIFE = "sm-notify.boot";
const MODE = 0o600;
/** Longer than any life, in bytes. */
const LIFE_MAX_BYTES = 1024;

/** State of the lock. */
export type LockState =
  /** Peers were told in this life, or somebody is at it. */
  | { readonly kind: "taken"; readonly since: Date | undefined }
  | { readonly kind: "free" }
  /** It cannot be told: `reason` names the file. */
  | { readonly kind: "unknown"; readonly reason: string };

/** The lock of one life of the host. */
export interface LockOfLife {
  /** Looks at the lock; changes nothing. */
  look(): LockState;
  /** Takes it, also from an earlier holder; returns why that is not possible, with the file's name. */
  take(): string | undefined;
}

/** The lock in `directory` (/run) of a life, which is a text of one line; empty is unknown. */
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
        // The life comes first: a lock without it would count for ever where /run outlives a boot.
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
    unlessMissing(() => Deno.removeSync(path)); // half a life is none
    throw error;
  }
}
