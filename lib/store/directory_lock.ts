/**
 * One daemon for each state directory: two that write the same monitor list would lose each other's
 * records. The directory itself is locked, so that nothing is left behind.
 */

import { quote } from "../quote.ts";

/** A lock that is held until it is disposed of, or the process ends. */
export type DirectoryLock = Disposable;

/**
 * Locks a state directory.
 *
 * @throws {Error} When another daemon has it, or it cannot be opened.
 */
export function lockDirectory(path: string): DirectoryLock {
  const directory = Deno.openSync(path);
  if (directory.tryLockSync(true)) return directory;
  directory.close();
  throw new Error(
    `Cannot use state directory ${quote(path)}: another status monitor uses it; stop that one, ` +
      "or choose another directory with -P",
  );
}
