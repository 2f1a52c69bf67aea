/**
 * Becoming another program, or this one anew: no further process, and the open files that are meant to be
 * inherited. What is left undone here stays undone, so call it before anything else.
 *
 * Source: execve(2). Signals that are blocked stay so.
 */

import { checked, cString, libc } from "./libc.ts";

/**
 * Executes a file; `argv` begins with the name that the program is called by.
 *
 * @throws {LibcError} When that is not possible; else it does not return.
 */
export function execute(
  path: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): never {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const [args, env] = [argv.map(cString), variables.map(cString)];
  checked(`execve "${path}"`, libc().execve(cString(path), addressesOf(args), addressesOf(env)));
  throw new Error(`Cannot execute "${path}"`); // execve(2) returns only where it fails
}

/** An array of pointers to text, with a null pointer at its end. */
function addressesOf(texts: readonly Uint8Array<ArrayBuffer>[]): BigUint64Array<ArrayBuffer> {
  const addresses = texts.map((text) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(text)));
  return new BigUint64Array([...addresses, 0n]);
}
