/** Watches of directories (inotify(7)), for which the runtime starts a thread. */

import { canStartThread, NO_THREAD_ADVICE } from "./threads.ts";

/**
 * Watches directories, without what is below them.
 *
 * @throws {Error} When a directory is not there, or the kernel refuses a thread.
 */
export function watchDirectories(paths: string[]): Deno.FsWatcher {
  if (!canStartThread()) throw new Error(NO_THREAD_ADVICE);
  return Deno.watchFs(paths, { recursive: false });
}
