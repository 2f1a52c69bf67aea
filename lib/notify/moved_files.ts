/**
 * Messages about files moved from `sm` to `sm.bak` while a status monitor serves the directory. Our
 * statd writes the records of its peers again; nfs-utils' does not, and forgets these peers when it
 * exits.
 */

import type { Log } from "../log.ts";
import { processesIn, STATD_PROCESS } from "../platform/processes.ts";
import { CONTROL_SOCKET, VOLATILE_CONTROL_SOCKET } from "../store/layout.ts";

/** Status monitor that serves a directory. */
export interface ServingMonitor {
  readonly pid: number;
  /** Whether it is ours, and writes moved records again. */
  readonly isOurs: boolean;
}

/** Finds the status monitor that serves a directory; undefined if none is visible. */
export function servingMonitor(directory: string): ServingMonitor | undefined {
  const [one] = processesIn(directory, STATD_PROCESS);
  if (one === undefined) return undefined;
  const sockets = [`${directory}/${CONTROL_SOCKET}`, VOLATILE_CONTROL_SOCKET];
  return { pid: one.pid, isOurs: sockets.some(isThere) };
}

/** Logs the move and its consequences; nothing if it is that of a normal boot. */
export function tellOfMove(
  moved: number,
  isForced: boolean,
  findServing: () => ServingMonitor | undefined,
  log: Log,
): void {
  if (moved === 0) return;
  const serving = findServing();
  if (serving === undefined && !isForced) return;
  const files = moved === 1
    ? "the file of 1 monitored peer"
    : `the files of ${moved} monitored peers`;
  const what = `Moved ${files} to sm.bak, until told`;
  if (serving === undefined) log.info(what);
  else if (serving.isOurs) {
    log.notice(
      `${what}; rpc.statd (pid ${serving.pid}) keeps monitoring them, and writes their files again`,
    );
  } else {
    log.warning(
      `${what}; rpc.statd (pid ${serving.pid}) is another program and does not restore the records: ` +
        "after its next restart, it tells these peers of no reboot until they lock again",
    );
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isSocket === true;
  } catch {
    return false; // not reachable by us either
  }
}
