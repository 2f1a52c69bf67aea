/**
 * Which file system a path is on.
 *
 * Source: proc_pid_mountinfo(5).
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
