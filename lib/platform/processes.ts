/**
 * Processes as /proc shows them: which of a name there are, what they serve, and who has a port. Only root
 * sees the links of processes of other users.
 *
 * Source: proc_pid_comm(5), proc_pid_cwd(5), proc_pid_exe(5), proc_pid_cmdline(5), proc_pid_stat(5),
 * proc_net_tcp(5).
 */

import { readableText } from "./small_files.ts";

/** One process. */
export interface Process {
  readonly pid: number;
  /** Its name as the kernel has it, at most 15 characters. */
  readonly name: string;
  /** Path of its program; undefined where that is not ours to see. */
  readonly program: string | undefined;
  /** Whether that file was removed or replaced since it was started. */
  readonly isProgramReplaced: boolean;
  /** `R`, `S`, `D` (waits for a disk), `T` (stopped by a signal), `Z` and so on. */
  readonly state: string;
  /** How long ago it was started, in ms. */
  readonly ageMs: number;
  /** Its command line; the first is what it was called as. */
  readonly command: readonly string[];
}

/** What the kernel adds to the path of what was removed or replaced. */
export const DELETED = " (deleted)";

/** Place of starttime behind the name in /proc/PID/stat, and of ppid, from 0. */
const START_TIME = 19;
const PARENT = 1;
/** A clock tick: the kernel tells user space 100 for each second on every architecture that we run on. */
const TICK_MS = 10;

/** A process by its id; undefined where there is none. */
export function processOf(pid: number): Process | undefined {
  const stat = readableText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const exe = linkOf(`/proc/${pid}/exe`);
  const isProgramReplaced = exe?.endsWith(DELETED) === true;
  const end = stat.lastIndexOf(")"); // the name may have any characters
  const fields = stat.slice(end + 1).trim().split(" ");
  return {
    pid,
    name: stat.slice(stat.indexOf("(") + 1, end),
    program: isProgramReplaced ? exe!.slice(0, -DELETED.length) : exe,
    isProgramReplaced,
    state: fields[0] ?? "",
    ageMs: upTimeMs() - Number(fields[START_TIME]) * TICK_MS,
    command: (readableText(`/proc/${pid}/cmdline`) ?? "").split("\0").slice(0, -1),
  };
}

/** All processes of a name, by their ids. */
export function processesNamed(name: string): Process[] {
  return processIds().filter((pid) => readableText(`/proc/${pid}/comm`)?.trim() === name)
    .map(processOf).filter((one) => one !== undefined);
}

/** All processes that another one has started and that still run. */
export function childrenOf(parent: number): Process[] {
  return processIds().filter((pid) => parentOf(pid) === parent)
    .map(processOf).filter((one) => one !== undefined);
}

/** Whether a directory is the working directory of a process. */
export function worksIn(pid: number, directory: string): boolean {
  try {
    const [served, wanted] = [Deno.statSync(`/proc/${pid}/cwd`), Deno.statSync(directory)];
    return served.dev === wanted.dev && served.ino === wanted.ino;
  } catch {
    return false; // it has ended, or this user may not look
  }
}

/** The working directory of a process; undefined where this user may not look. */
export function directoryOf(pid: number): string | undefined {
  return linkOf(`/proc/${pid}/cwd`);
}

/** The process that has a port, at any address; undefined where none does, or it is not ours to see. */
export function holderOfPort(transport: "udp" | "tcp", port: number): Process | undefined {
  const sockets = new Set([transport, `${transport}6`].flatMap((table) => socketsAt(table, port)));
  if (sockets.size === 0) return undefined;
  const pid = processIds().find((pid) => hasOneOf(pid, sockets));
  return pid === undefined ? undefined : processOf(pid);
}

/** Column of the inode in /proc/net/udp and tcp, from 0. */
const INODE = 9;
const STATE = 3;
/** TCP_LISTEN, and TCP_CLOSE, which is a datagram socket that is not connected. */
const SERVING = new Set(["0A", "07"]);

/** Links of descriptors that are sockets bound to a port, as `socket:[INODE]`. */
function socketsAt(table: string, port: number): string[] {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return (readableText(`/proc/net/${table}`) ?? "").split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(hex) === true && SERVING.has(fields[STATE] ?? ""))
    .map((fields) => `socket:[${fields[INODE]}]`);
}

function hasOneOf(pid: number, sockets: ReadonlySet<string>): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)]
      .some(({ name }) => sockets.has(linkOf(`/proc/${pid}/fd/${name}`) ?? ""));
  } catch {
    return false; // it has ended, or it is another user's
  }
}

function parentOf(pid: number): number {
  const stat = readableText(`/proc/${pid}/stat`) ?? "";
  return Number(stat.slice(stat.lastIndexOf(")") + 1).trim().split(" ")[PARENT]);
}

/** Time since the boot. */
function upTimeMs(): number {
  return Number((readableText("/proc/uptime") ?? "").split(" ")[0]) * 1000;
}

function processIds(): number[] {
  try {
    return [...Deno.readDirSync("/proc")].map(({ name }) => name)
      .filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return []; // no /proc
  }
}

function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}
