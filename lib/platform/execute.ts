/**
 * Replacing this process by another program, or by itself: no further process, and inheritable
 * files stay open. Cleanup is skipped, so call it before anything else.
 *
 * Source: execve(2). Blocked signals stay blocked.
 */

import { checked, cString, libc } from "./libc.ts";

/**
 * Executes a file; `argv` begins with the program's name.
 *
 * @throws {LibcError} On failure; does not return otherwise.
 */
export function execute(
  path: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): never {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const [args, env] = [argv.map(cString), variables.map(cString)];
  checked(`execve "${path}"`, libc().execve(cString(path), addressesOf(args), addressesOf(env)));
  throw new Error(`Cannot execute "${path}"`); // execve(2) returns only on failure
}

/** Null-terminated array of pointers to texts. */
function addressesOf(texts: readonly Uint8Array<ArrayBuffer>[]): BigUint64Array<ArrayBuffer> {
  const addresses = texts.map((text) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(text)));
  return new BigUint64Array([...addresses, 0n]);
}
