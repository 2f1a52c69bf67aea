/** Directory watches (inotify(7)), for which Deno starts a thread. */

import { canStartThread, NO_THREAD_ADVICE } from "./threads.ts";

/**
 * Watches directories, not recursively.
 *
 * @throws {Error} When a directory is missing, or the kernel refuses a thread.
 */
export function watchDirectories(paths: string[]): Deno.FsWatcher {
  if (!canStartThread()) throw new Error(NO_THREAD_ADVICE);
  return Deno.watchFs(paths, { recursive: false });
}
