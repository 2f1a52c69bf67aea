/**
 * /proc files about this process: its mounts, its network namespace, and the credentials of each
 * thread, for verifying the privilege drop.
 *
 * Source: proc_pid_mountinfo(5), proc_pid_ns(5), proc_pid_status(5).
 */

/** Mounted file system. */
export interface Mount {
  /** Device of the file system, `MAJOR:MINOR`. */
  readonly device: string;
  /** Directory of the file system that is mounted. */
  readonly root: string;
  readonly point: string;
  /** `ext4`, `tmpfs`… */
  readonly type: string;
  readonly isReadOnly: boolean;
  /** Read-only only at this mount point, as in the sandbox of a unit or a container. */
  readonly isReadOnlyHere: boolean;
}

const MOUNTS = "/proc/self/mountinfo";

/** File system of a path; undefined if unknown. */
export function mountOf(path: string): Mount | undefined {
  try {
    return findMount(Deno.readTextFileSync(MOUNTS), Deno.realPathSync(path));
  } catch {
    return undefined; // no /proc, or the path does not exist
  }
}

/**
 * {@link mountOf} in the text of mountinfo: the nearest mount point above a path, and the last
 * mount on it.
 */
export function findMount(mountinfo: string, path: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , device = "", root = "", escaped, options] = before.split(" ");
    const [type, , superOptions] = after.split(" ");
    if (escaped === undefined || type === undefined) continue;
    const point = unescape(escaped);
    const isAbove = point === "/" || path === point || path.startsWith(`${point}/`);
    if (!isAbove || (found !== undefined && point.length < found.point.length)) continue;
    const isRo = (list: string | undefined) => list?.split(",").includes("ro") ?? false;
    const isReadOnlyHere = isRo(options) && !isRo(superOptions);
    const isReadOnly = isRo(options) || isRo(superOptions);
    found = { device, root: unescape(root), point, type, isReadOnly, isReadOnlyHere };
  }
  return found;
}

/** Decodes octal escapes of blanks and similar characters. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
}

/** Network namespace of this process, as the kernel names it; undefined if unknown. */
export function ownNetworkNamespace(): string | undefined {
  return namespaceOf("self");
}

/** Network namespace of process 1; undefined for users other than root. */
export function hostNetworkNamespace(): string | undefined {
  return namespaceOf("1");
}

function namespaceOf(process: string): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${process}/ns/net`);
  } catch {
    return undefined; // no /proc, or no permission
  }
}

/** Credentials of one thread. */
export interface ThreadStatus {
  /** Thread id; the main thread's is the process id. */
  readonly id: number;
  readonly name: string;
  /** Real, effective, saved and file system user id. */
  readonly uids: readonly number[];
  /** Real, effective, saved and file system group id. */
  readonly gids: readonly number[];
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
 * Parses `/proc/PID/task/TID/status`.
 *
 * @throws {Error} When a required field is missing.
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

/** Status of every thread of this process, main thread first. */
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
