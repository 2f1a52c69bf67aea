/** Files of hosts_access(5) on disk: their text, and a stamp by which a change is noticed. */

import { reasonOf } from "../reason.ts";

/** Longest file read, in bytes; a longer file is no list of hosts. */
const FILE_MAX_BYTES = 1_048_576;
/** Device number of /dev/null, to which a file that is to have no rules is often linked. */
const NULL_DEVICE = 0x103;

/** Stamp of a file, which changes with its contents, owner and mode; the error if it cannot be read. */
export function stampOf(path: string): string {
  try {
    const { mtime, size, ino, mode, uid, gid } = Deno.statSync(path);
    return [mtime?.getTime(), size, ino, mode, uid, gid].join(" ");
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Text of a file, one character per byte; undefined if missing.
 *
 * @throws {Error} When the file cannot be read, or is no list of hosts.
 */
export function readText(path: string): string | undefined {
  try {
    const { isFile, isCharDevice, rdev, size } = Deno.statSync(path);
    if (isCharDevice && rdev === NULL_DEVICE) return "";
    if (!isFile) throw new Error("it is not a regular file");
    if (size > FILE_MAX_BYTES) throw new Error(`it is longer than ${FILE_MAX_BYTES} bytes`);
    return new TextDecoder("latin1").decode(Deno.readFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
