/**
 * Directory as seen by another process, which may have mounts of its own, as in a unit or a
 * container. Only the tables of mounts are read: the file system itself may hang.
 *
 * Source: mount_namespaces(7), proc_pid_mountinfo(5).
 */

import { findMount, type Mount } from "./proc.ts";

/** `other`: the path leads to another directory, or to none. `read-only`: writable here only. */
export type ForeignView = "same" | "other" | "read-only";

/** View of a process; undefined if it has ended, or if this user may not look. */
export function foreignView(pid: number, path: string): ForeignView | undefined {
  try {
    const [own, theirs] = ["self", pid].map((it) => Deno.readTextFileSync(`/proc/${it}/mountinfo`));
    return compareViews(own!, theirs!, path);
  } catch {
    return undefined;
  }
}

/** {@link foreignView} of two texts of mountinfo; the path has no links. */
export function compareViews(own: string, theirs: string, path: string): ForeignView | undefined {
  const here = findMount(own, path);
  const there = findMount(theirs, path);
  if (here === undefined || there === undefined) return undefined;
  if (placeOf(here, path) !== placeOf(there, path)) return "other";
  return there.isReadOnly && !here.isReadOnly ? "read-only" : "same";
}

/** Device of a path, and the path within its file system. */
function placeOf({ device, root, point }: Mount, path: string): string {
  return `${device} ${root}/${path.slice(point.length)}`.replaceAll(/\/+/g, "/").replace(/\/$/, "");
}
