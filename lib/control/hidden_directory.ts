/**
 * Hidden state directory: a daemon may serve a directory over which another file system was mounted
 * later. Its records and its control socket are then unreachable by path.
 *
 * Source: proc(5), /proc/PID/cwd. The daemon's working directory is its state directory.
 */

import { hostNetworkNamespace, mountOf, ownNetworkNamespace } from "../platform/proc.ts";
import { statdPidFile } from "../platform/pid_file.ts";
import { quote } from "../quote.ts";

export interface HiddenDirectory {
  /** Pid of the daemon that serves it. */
  readonly pid: number;
  /** Mount point that hides it. */
  readonly point: string;
}

/** Daemon that serves the hidden directory of a path; undefined if the path is not hidden. */
export function hiddenDirectory(stateDirectoryPath: string): HiddenDirectory | undefined {
  try {
    const pid = Deno.readTextFileSync(statdPidFile(ownNetworkNamespace(), hostNetworkNamespace()))
      .trim();
    if (!/^\d+$/.test(pid)) return undefined;
    const path = Deno.realPathSync(stateDirectoryPath);
    const served = `/proc/${pid}/cwd`;
    // The link's text is the old path; following it leads to the old directory.
    if (Deno.readLinkSync(served) !== path || isSame(served, path)) return undefined;
    return { pid: Number(pid), point: mountOf(path)?.point ?? path };
  } catch {
    return undefined; // no daemon, or not visible to this user
  }
}

/** Fault text with a remedy; undefined if the directory is not hidden. */
export function hiddenDirectoryFault(stateDirectoryPath: string): string | undefined {
  const hidden = hiddenDirectory(stateDirectoryPath);
  if (hidden === undefined) return undefined;
  const { pid, point } = hidden;
  return `Process ${pid} serves the folder that ${
    quote(stateDirectoryPath)
  } was before something ` +
    `was mounted over it: umount ${
      quote(point)
    } uncovers the folder. A restarted rpc.statd would ` +
    "use the new folder, and lose its monitor list";
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Deno.statSync(a), Deno.statSync(b)];
  return one.dev === other.dev && one.ino === other.ino;
}
