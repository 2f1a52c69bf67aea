/**
 * Ids, groups and capabilities of every thread of this process, from /proc. The privilege drop is checked
 * against them, and people can be shown them.
 *
 * Source: proc_pid_status(5).
 */

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
