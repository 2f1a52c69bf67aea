/** Small files and leftovers, where that there is none is nothing unusual. */

/** The text of a small file; undefined where it is not there or cannot be read. */
export function readableText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** Whether a path can be followed to its end: a dangling link does not exist. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Removes a file or socket; none there is no error. @throws {Error} */
export function removeIfThere(path: string): void {
  unlessMissing(() => Deno.removeSync(path));
}

/** What an action returns; undefined where a file that it needs is not there. @throws {Error} */
export function unlessMissing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes all bytes, in as many parts as the kernel takes. @throws {Error} */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
