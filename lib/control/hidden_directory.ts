/**
 * Finds out whether a daemon still serves the directory that was at a path before something else was
 * mounted there: then its records and its control socket are out of sight.
 *
 * Source: proc(5), /proc/PID/cwd. The daemon's working directory is its state directory.
 */

import { hostNetworkNamespace, mountOf, ownNetworkNamespace } from "../platform/proc.ts";
import { statdPidFile } from "../platform/pid_file.ts";
import { quote } from "../quote.ts";

/** A directory that is out of sight. */
export interface HiddenDirectory {
  /** The daemon that serves it. */
  readonly pid: number;
  /** Where something was mounted over it. */
  readonly point: string;
}

/** Whether a daemon serves what was at a path before; undefined where what it serves is in sight. */
export function hiddenDirectory(stateDirectoryPath: string): HiddenDirectory | undefined {
  try {
    const pid = Deno.readTextFileSync(statdPidFile(ownNetworkNamespace(), hostNetworkNamespace()))
      .trim();
    if (!/^\d+$/.test(pid)) return undefined;
    const path = Deno.realPathSync(stateDirectoryPath);
    const served = `/proc/${pid}/cwd`;
    // The link says where it was, and leads to where it is.
    if (Deno.readLinkSync(served) !== path || isSame(served, path)) return undefined;
    return { pid: Number(pid), point: mountOf(path)?.point ?? path };
  } catch {
    return undefined; // no daemon, or none that this user may look at
  }
}

/** What is the matter with a state directory and what to do; undefined where it is in sight. */
export function hiddenDirectoryFault(stateDirectoryPath: string): string | undefined {
  const hidden = hiddenDirectory(stateDirectoryPath);
  if (hidden === undefined) return undefined;
  const { pid, point } = hidden;
  return `Process ${pid} serves what was at ${quote(stateDirectoryPath)} before something was ` +
    `mounted over it: umount ${quote(point)} brings it back into sight. A restart of rpc.statd ` +
    "would use what is there now, and forget whom it monitors";
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Deno.statSync(a), Deno.statSync(b)];
  return one.dev === other.dev && one.ino === other.ino;
}
