/**
 * Files of /proc about this process: the mounts that it sees, its network namespace, and the ids, groups
 * and capabilities of each of its threads, by which the privilege drop is checked.
 *
 * Source: proc_pid_mountinfo(5), proc_pid_ns(5), proc_pid_status(5).
 */

/** One mounted file system. */
export interface Mount {
  readonly point: string;
  /** `ext4`, `tmpfs`… */
  readonly type: string;
  readonly isReadOnly: boolean;
  /** Read-only at this mount point alone, as in the sandbox of a unit or a container. */
  readonly isReadOnlyHere: boolean;
}

const MOUNTS = "/proc/self/mountinfo";

/** The file system that a path is on; undefined where the kernel does not tell. */
export function mountOf(path: string): Mount | undefined {
  try {
    return findMount(Deno.readTextFileSync(MOUNTS), Deno.realPathSync(path));
  } catch {
    return undefined; // no /proc, or nothing at the path
  }
}

/** {@link mountOf} in the text of mountinfo: the nearest mount point above a path, the last mount on it. */
export function findMount(mountinfo: string, path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , , escaped, options] = before.split(" ");
    const [type, , superOptions] = after.split(" ");
    if (escaped === undefined || type === undefined) continue;
    const point = unescape(escaped);
    const isAbove = point === "/" || path === point || path.startsWith(`${point}/`);
    if (!isAbove || (found !== undefined && point.length < found.point.length)) continue;
    const isRo = (list: string | undefined) => list?.split(",").includes("ro") ?? false;
    const isReadOnlyHere = isRo(options) && !isRo(superOptions);
    found = { point, type, isReadOnly: isRo(options) || isRo(superOptions), isReadOnlyHere };
  }
  return found;
}

/** Blanks and the like are written as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
}

/** The network namespace of this process, as the kernel names it; undefined where it does not tell. */
export function ownNetworkNamespace(): string | undefined {
  return namespaceOf("self");
}

/** The network namespace of process 1; undefined to all but root. */
export function hostNetworkNamespace(): string | undefined {
  return namespaceOf("1");
}

function namespaceOf(process: string): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${process}/ns/net`);
  } catch {
    return undefined; // no /proc, or not ours to look at
  }
}

/** Credentials of one thread. */
export interface ThreadStatus {
  /** Thread id; that of the main thread is the process id. */
  readonly id: number;
  readonly name: string;
  /** Real, effective, saved and file system user id. */
  readonly uids: readonly number[];
  /** Real, effective, saved and file system group id. */
  readonly gids: readonly number[];
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Capability sets, bit N for capability N. */
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
  readonly noNewPrivileges: boolean;
}

/**
 * Reads the text of `/proc/PID/task/TID/status`.
 *
 * @throws {Error} When a field that is needed is missing.
 */
export function parseThreadStatus(text: string): ThreadStatus {
  const field = (name: string): string => {
    const value = new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`The kernel's process status has no field "${name}"`);
    return value.trim();
  };
  const numbers = (name: string) => field(name).split(/\s+/).filter((word) => word).map(Number);
  const set = (name: string) => BigInt(`0x${field(name)}`);
  return {
    id: Number(field("Pid")),
    name: field("Name"),
    uids: numbers("Uid"),
    gids: numbers("Gid"),
    groups: numbers("Groups"),
    inheritable: set("CapInh"),
    permitted: set("CapPrm"),
    effective: set("CapEff"),
    bounding: set("CapBnd"),
    ambient: set("CapAmb"),
    noNewPrivileges: field("NoNewPrivs") === "1",
  };
}

const TASKS = "/proc/self/task";

/** Status of every thread of this process, the main thread first. */
export function readThreads(): [ThreadStatus, ...ThreadStatus[]] {
  const main = parseThreadStatus(Deno.readTextFileSync(`${TASKS}/${Deno.pid}/status`));
  const others: ThreadStatus[] = [];
  for (const { name } of Deno.readDirSync(TASKS)) {
    if (name === String(Deno.pid)) continue;
    let text;
    try {
      text = Deno.readTextFileSync(`${TASKS}/${name}/status`);
    } catch {
      continue; // the thread has ended: ENOENT when opening, ESRCH when reading
    }
    others.push(parseThreadStatus(text));
  }
  return [main, ...others];
}
