/**
 * A daemon that is there and does not answer: which process it is, and what to do about it.
 *
 * Source: proc_pid_stat(5), proc_pid_cwd(5). The daemon's working directory is its state directory.
 */

/** Name of the daemon's process as the kernel has it. */
const PROCESS_NAME = "rpc.statd";

/** The daemon did not answer within a bound. */
export class HungDaemonError extends Error {
  override readonly name = "HungDaemonError";

  /** `pid` is undefined where it cannot be found out. */
  constructor(readonly seconds: number, readonly pid: number | undefined) {
    const who = pid === undefined ? PROCESS_NAME : `${PROCESS_NAME} (pid ${pid})`;
    super(`${who} has not answered for ${seconds} s; ${remedyFor(pid)}`);
  }
}

/** The error about a daemon that serves a state directory. */
export function hungDaemon(stateDirectoryPath: string, timeoutMs: number): HungDaemonError {
  return new HungDaemonError(timeoutMs / 1000, servingProcess(stateDirectoryPath));
}

function remedyFor(pid: number | undefined): string {
  if (pid === undefined) return "find it with ps, end it with SIGKILL, and start it again";
  switch (processState(pid)) {
    case "T":
      return `a signal has stopped it: kill -CONT ${pid} lets it go on`;
    case "D":
      return "it waits for a disk: see dmesg; what it has acknowledged is in its state directory";
    default:
      return `kill -9 ${pid} ends it, and what it has acknowledged is on disk; then start it again`;
  }
}

/** The process whose working directory is the state directory; undefined where none is in sight. */
function servingProcess(stateDirectoryPath: string): number | undefined {
  try {
    const { dev, ino } = Deno.statSync(stateDirectoryPath);
    for (const { name } of Deno.readDirSync("/proc")) {
      if (/^\d+$/.test(name) && isServing(name, dev, ino)) return Number(name);
    }
  } catch {
    // no /proc, or no such directory
  }
  return undefined;
}

function isServing(pid: string, dev: number, ino: number | null): boolean {
  try {
    if (Deno.readTextFileSync(`/proc/${pid}/comm`).trim() !== PROCESS_NAME) return false;
    const served = Deno.statSync(`/proc/${pid}/cwd`);
    return served.dev === dev && served.ino === ino;
  } catch {
    return false; // it has ended, or this user may not look
  }
}

/** The letter of a process' state, behind the name in parentheses, which may have any characters. */
function processState(pid: number): string | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 1).trim()[0];
  } catch {
    return undefined;
  }
}
