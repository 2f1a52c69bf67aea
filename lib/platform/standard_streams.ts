/** Standard output and error for what programs print, as opposed to the log. They may be closed. */

import type { Exit } from "../config/load.ts";
import { withoutErrorNumbers } from "../quote.ts";
import { writeAll } from "./small_files.ts";

/** Prints the output of a finished command line; returns its exit status. */
export function print({ status, stdout, stderr }: Exit): number {
  write(Deno.stdout, stdout);
  write(Deno.stderr, withoutErrorNumbers(stderr));
  return status;
}

/** Prints one line on stderr. */
export function complain(line: string): void {
  write(Deno.stderr, `${withoutErrorNumbers(line)}\n`);
}

/** Width of the terminal, in columns; Infinity if unknown. */
export function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || Infinity;
  } catch {
    return Infinity;
  }
}

/** Writes to a standard stream, ignoring failures. */
export function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  try {
    writeAll(stream, new TextEncoder().encode(text));
  } catch {
    // Closed: nowhere to report it.
  }
}
