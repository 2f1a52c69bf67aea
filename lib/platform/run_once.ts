/**
 * Whether sm-notify has run in this life of the host: nfs-utils' lock file, and beside it the life in
 * which that was made, for a file that outlives its boot because /run is not a tmpfs.
 *
 * Source: behaviour of nfs-utils for the lock file. Deviation: a lock file from another life is removed;
 * one that has no life beside it is believed, as it may be nfs-utils' own.
 */

import { type RunOnce, takeRunOnceLock } from "./pid_file.ts";

/** Paths of the lock file and of the life that it was made in. */
const LOCK = "sm-notify.pid";
const LIFE = "sm-notify.boot";
const MODE = 0o600;

/** Takes the lock in `directory` (/run) for a life, which is a text of one line; empty is unknown. */
export function takeLockOfLife(directory: string, life: string): RunOnce {
  const [lock, lifePath] = [`${directory}/${LOCK}`, `${directory}/${LIFE}`];
  if (life === "") return takeRunOnceLock(lock);
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(lifePath, { read: true, write: true, create: true, mode: MODE });
  } catch (error) {
    return { isFirst: false, reason: (error as Error).message };
  }
  try {
    file.lockSync(true); // until it is closed: nobody else decides meanwhile
    const before = Deno.readTextFileSync(lifePath).trim();
    if (before !== life) {
      if (before !== "") removeIfThere(lock);
      file.truncateSync(0);
      file.writeSync(new TextEncoder().encode(`${life}\n`));
    }
    return takeRunOnceLock(lock);
  } finally {
    file.close();
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // not there, or not ours to remove: then it counts as taken
  }
}
