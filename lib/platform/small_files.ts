/** Small files that are often missing. */

/** Text of a small file; undefined if it is missing, no regular file, or unreadable. */
export function readableText(path: string): string | undefined {
  try {
    return Deno.statSync(path).isFile ? Deno.readTextFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Text of a file that an administrator names. A pipe would be waited for, and a huge file not fit into memory.
 *
 * @throws {Error} When it cannot be read, is no regular file, or is longer than `maxBytes`.
 */
export function shortText(path: string, maxBytes: number): string {
  const { isFile, size } = Deno.statSync(path);
  if (!isFile) throw new Error("it is not a regular file");
  if (size > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`);
  return Deno.readTextFileSync(path);
}

/** Whether a path exists, following links: a dangling link does not. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether nothing has a path, not even a dangling link; false if that cannot be told. */
export function isMissing(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

/** Removes a file or socket, if it exists. @throws {Error} */
export function removeIfThere(path: string): void {
  unlessMissing(() => Deno.removeSync(path));
}

/** Result of an action; undefined if a file that it needs is missing. @throws {Error} */
export function unlessMissing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes all bytes, in as many parts as needed. @throws {Error} */
export function writeAll(to: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
