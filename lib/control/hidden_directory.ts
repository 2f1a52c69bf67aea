/**
 * Finds out whether a daemon still serves the directory that was at a path before something else was
 * mounted there: then its records and its control socket are out of sight.
 *
 * Source: proc(5), /proc/PID/cwd. The daemon's working directory is its state directory.
 */

import { mountOf } from "../platform/mounts.ts";
import { hostNetworkNamespace, ownNetworkNamespace } from "../platform/network_namespace.ts";
import { statdPidFile } from "../platform/pid_file.ts";
import { quote } from "../quote.ts";

/** Fault of a state directory that a mount hides, and what to do; undefined where it is in sight. */
export function hiddenDirectoryFault(stateDirectoryPath: string): string | undefined {
  try {
    const pid = Deno.readTextFileSync(statdPidFile(ownNetworkNamespace(), hostNetworkNamespace()))
      .trim();
    if (!/^\d+$/.test(pid)) return undefined;
    const path = Deno.realPathSync(stateDirectoryPath);
    const served = `/proc/${pid}/cwd`;
    // The link says where it was, and leads to where it is.
    if (Deno.readLinkSync(served) !== path || isSame(served, path)) return undefined;
    const point = mountOf(path)?.point ?? path;
    return `Process ${pid} serves what was at ${
      quote(path)
    } before something was mounted over it: ` +
      `umount ${quote(point)}, or restart rpc.statd to have it use what is there now`;
  } catch {
    return undefined; // no daemon, or none that this user may look at
  }
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Deno.statSync(a), Deno.statSync(b)];
  return one.dev === other.dev && one.ino === other.ino;
}
