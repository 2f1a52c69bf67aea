/**
 * Processes in /proc: by name, by working directory, and by port. Only root sees the links of other
 * users' processes.
 *
 * Source: proc_pid_comm(5), proc_pid_cwd(5), proc_pid_exe(5), proc_pid_cmdline(5),
 * proc_pid_stat(5), proc_net_tcp(5).
 */

import { readableText } from "./small_files.ts";

export interface Process {
  readonly pid: number;
  /** Kernel's process name, at most 15 characters. */
  readonly name: string;
  /** Path of the executable; undefined without permission. */
  readonly program: string | undefined;
  /** Whether the executable was removed or replaced since the start. */
  readonly isProgramReplaced: boolean;
  /** `R`, `S`, `D` (waits for a disk), `T` (stopped by a signal), `Z` and so on. */
  readonly state: string;
  /** Time since the start, in ms. */
  readonly ageMs: number;
  /** Command line; the first element is argv[0]. */
  readonly command: readonly string[];
}

/** Process name of the status monitor in /proc/PID/comm, with nfs-utils too. */
export const STATD_PROCESS = "rpc.statd";

/** Suffix that the kernel appends to the path of a removed or replaced file. */
export const DELETED = " (deleted)";

/** Indices of starttime and ppid after the name in /proc/PID/stat, from 0. */
const START_TIME = 19;
const PARENT = 1;
/** Clock tick: user space sees 100 per second on all our architectures. */
const TICK_MS = 10;

/** Process by its id; undefined if there is none. */
export function processOf(pid: number): Process | undefined {
  const stat = readableText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const exe = linkOf(`/proc/${pid}/exe`);
  const isProgramReplaced = exe?.endsWith(DELETED) === true;
  const end = stat.lastIndexOf(")"); // the name may contain any characters
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

/** Processes with a name. */
export function processesNamed(name: string): Process[] {
  return processIds().filter((pid) => hasName(pid, name))
    .map(processOf).filter((one) => one !== undefined);
}

/**
 * Processes with a name that work in a directory. The directory is asked first: one system call tells it,
 * the name takes nine, and a host has hundreds of processes.
 */
export function processesIn(directory: string, name: string): Process[] {
  const wanted = factsOf(directory);
  if (wanted === undefined) return [];
  return processIds().filter((pid) => isAt(`/proc/${pid}/cwd`, wanted) && hasName(pid, name))
    .map(processOf).filter((one) => one !== undefined);
}

/** {@link processesNamed} without processes of other network namespaces, such as containers. */
export function neighboursNamed(name: string): Process[] {
  const own = linkOf("/proc/self/ns/net");
  return processesNamed(name).filter(({ pid }) => {
    const network = linkOf(`/proc/${pid}/ns/net`);
    return own === undefined || network === undefined || network === own;
  });
}

/** Whether a process is in another namespace of process ids than this one, as in a container. */
export function isContained(pid: number): boolean {
  const [own, other] = ["self", pid].map((process) => linkOf(`/proc/${process}/ns/pid`));
  return own !== undefined && other !== undefined && own !== other;
}

/** Id of a process in its own namespace of process ids; undefined before Linux 4.1. */
export function innerId(pid: number): number | undefined {
  const ids = /^NSpid:\t(.*)$/m.exec(readableText(`/proc/${pid}/status`) ?? "")?.[1]?.split("\t");
  return ids === undefined ? undefined : Number(ids.at(-1));
}

/** Unit of systemd that a process belongs to; undefined if there is none. */
export function unitOf(pid: number): string | undefined {
  return unitIn(readableText(`/proc/${pid}/cgroup`) ?? "");
}

/** {@link unitOf} in the text of /proc/PID/cgroup: the outermost service or scope of a control group. */
export function unitIn(group: string): string | undefined {
  return /\/([^/\n]+\.(?:service|scope))(?:\/[^\n]*)?$/m.exec(group)?.[1];
}

/** Running children of a process. */
export function childrenOf(parent: number): Process[] {
  return processIds().filter((pid) => parentOf(pid) === parent)
    .map(processOf).filter((one) => one !== undefined);
}

/** Whether a directory is the working directory of a process. */
export function worksIn(pid: number, directory: string): boolean {
  const wanted = factsOf(directory);
  return wanted !== undefined && isAt(`/proc/${pid}/cwd`, wanted);
}

/** Working directory of a process; undefined without permission. */
export function directoryOf(pid: number): string | undefined {
  return linkOf(`/proc/${pid}/cwd`);
}

/** Process that has a port at any address; undefined if there is none, or no permission. */
export function holderOfPort(transport: "udp" | "tcp", port: number): Process | undefined {
  const sockets = new Set([transport, `${transport}6`].flatMap((table) => socketsAt(table, port)));
  if (sockets.size === 0) return undefined;
  const pid = processIds().find((pid) => hasOneOf(pid, sockets));
  return pid === undefined ? undefined : processOf(pid);
}

/** Whether a UDP socket other than these descriptors of this process is bound to a port; false if unknown. */
export function isSharedPort(
  table: "udp" | "udp6",
  port: number,
  descriptors: readonly number[],
): boolean {
  const own = new Set(descriptors.map((fd) => linkOf(`/proc/self/fd/${fd}`)));
  const isKnown = !own.has(undefined);
  return isKnown && socketsAt(table, port, () => true).some((socket) => !own.has(socket));
}

/** Free port near a taken one, below the ephemeral range. */
export function freePort(taken: number): number {
  let port = taken + 1;
  while (holderOfPort("udp", port) !== undefined || holderOfPort("tcp", port) !== undefined) port++;
  return port;
}

/** Columns in /proc/net/udp and tcp, from 0. */
const INODE = 9;
const STATE = 3;
/** TCP_LISTEN, and TCP_CLOSE, the state of an unconnected datagram socket. */
const SERVING = new Set(["0A", "07"]);

/** Link targets (`socket:[INODE]`) of the sockets bound to a port. */
function socketsAt(
  table: string,
  port: number,
  isWanted = (state: string) => SERVING.has(state),
): string[] {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return (readableText(`/proc/net/${table}`) ?? "").split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(hex) === true && isWanted(fields[STATE] ?? ""))
    .map((fields) => `socket:[${fields[INODE]}]`);
}

function hasOneOf(pid: number, sockets: ReadonlySet<string>): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)]
      .some(({ name }) => sockets.has(linkOf(`/proc/${pid}/fd/${name}`) ?? ""));
  } catch {
    return false; // has ended, or no permission
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

function hasName(pid: number, name: string): boolean {
  return readableText(`/proc/${pid}/comm`)?.trim() === name;
}

/** Facts about a path; undefined if nothing is there, or without permission. */
function factsOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

function isAt(path: string, { dev, ino }: Deno.FileInfo): boolean {
  const facts = factsOf(path);
  return facts !== undefined && facts.dev === dev && facts.ino === ino;
}

function linkOf(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}
