/**
 * What is said of the move of files from `sm` to `sm.bak` while a status monitor serves the directory: ours
 * writes what it monitors again, one of another make does not, and forgets living peers at its end.
 */

import type { Log } from "../log.ts";
import { processesNamed, worksIn } from "../platform/processes.ts";
import { CONTROL_SOCKET, VOLATILE_CONTROL_SOCKET } from "../store/layout.ts";

/** Name of both makes' processes as the kernel has it. */
const PROCESS_NAME = "rpc.statd";

/** A status monitor that serves a directory. */
export interface ServingMonitor {
  readonly pid: number;
  /** Whether it writes again what is moved away. */
  readonly isOurs: boolean;
}

/** The status monitor that serves a directory; undefined where none is in sight. */
export function servingMonitor(directory: string): ServingMonitor | undefined {
  const one = processesNamed(PROCESS_NAME).find(({ pid }) => worksIn(pid, directory));
  if (one === undefined) return undefined;
  const sockets = [`${directory}/${CONTROL_SOCKET}`, VOLATILE_CONTROL_SOCKET];
  return { pid: one.pid, isOurs: sockets.some(isThere) };
}

/** Says what was moved, and what follows for the peers; nothing where that is as after every boot. */
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
    log.notice(`${what}; rpc.statd (pid ${serving.pid}) monitors on and writes its files again`);
  } else {
    log.warning(
      `${what}; rpc.statd (pid ${serving.pid}) is of another make and does not write them again: ` +
        "behind its next start it tells none of these peers of a reboot before they lock again",
    );
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isSocket === true;
  } catch {
    return false; // it cannot be reached by us either
  }
}
