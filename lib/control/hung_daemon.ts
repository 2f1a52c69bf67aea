/** Hung daemon: finds its process, and advises what to do. Its working directory is the state directory. */

import { processesIn, processOf, STATD_PROCESS } from "../platform/processes.ts";

/** Thrown when the daemon does not answer within the timeout. */
export class HungDaemonError extends Error {
  override readonly name = "HungDaemonError";

  /** `pid` is undefined if unknown. */
  constructor(readonly seconds: number, readonly pid: number | undefined) {
    const who = pid === undefined ? STATD_PROCESS : `${STATD_PROCESS} (pid ${pid})`;
    super(`${who} has not answered for ${seconds} s; ${remedyFor(pid)}`);
  }
}

/** Error about the daemon that serves a state directory. */
export function hungDaemon(stateDirectoryPath: string, timeoutMs: number): HungDaemonError {
  return new HungDaemonError(timeoutMs / 1000, servingProcess(stateDirectoryPath));
}

function remedyFor(pid: number | undefined): string {
  if (pid === undefined) return "find it with ps, end it with SIGKILL, and start it again";
  switch (processOf(pid)?.state) {
    case "T":
      return `a signal has stopped it: kill -CONT ${pid} resumes it`;
    case "D":
      return "it waits for a disk: see dmesg; what it has acknowledged is in its state directory";
    default:
      return `kill -9 ${pid} ends it, and what it has acknowledged is on disk; then start it again`;
  }
}

/** Process whose working directory is the state directory; undefined if none is visible. */
export function servingProcess(stateDirectoryPath: string): number | undefined {
  return processesIn(stateDirectoryPath, STATD_PROCESS)[0]?.pid;
}
