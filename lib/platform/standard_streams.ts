/** Standard output and error for output of programs, as opposed to the log. They may be closed. */

import type { Exit } from "../config/load.ts";
import { withoutErrorNumbers } from "../quote.ts";
import { writeAll } from "./small_files.ts";

/** Prints the output of a finished command line; returns its exit status, 1 after a write error. */
export function print({ status, stdout, stderr }: Exit): number {
  const isPrinted = printOut(stdout);
  write(Deno.stderr, withoutErrorNumbers(stderr));
  return isPrinted ? status : Math.max(status, 1);
}

/** Standard output; false, with a line on stderr, after a write error. A closed pipe is no error. */
export function printOut(text: string): boolean {
  try {
    writeAll(Deno.stdout, new TextEncoder().encode(text));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource) {
      return true;
    }
    complain(`Cannot write to standard output: ${(error as Error).message}`);
    return false;
  }
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
