/** Changes of a state directory as the kernel reports them; nothing is polled. */

import { watchDirectories } from "../platform/watch.ts";
import type { Layout } from "../store/layout.ts";

/** What may have changed. */
export interface StateChange {
  /** Paths of files, without those that are being written; empty where the kernel lost track. */
  readonly paths: readonly string[];
}

/**
 * Everything that happens in the two lists and to the state number, from the first call of the
 * iterator's `next` on; what happens while the caller is busy is kept.
 *
 * @throws {Error} When a directory is not there, or there can be no thread for it.
 */
export async function* waitForChange(layout: Layout): AsyncGenerator<StateChange> {
  const { directory, monitorList, notifyList } = layout;
  using watcher = watchDirectories([directory, monitorList, notifyList]);
  for await (const event of watcher) {
    if (event.kind === "access") continue;
    if (event.flag === "rescan") yield { paths: [] };
    const paths = event.paths.filter((path) => !path.endsWith(".new"));
    if (paths.length > 0) yield { paths };
  }
}
