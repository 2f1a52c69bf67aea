/** Standard output and error for what programs print, in contrast to the log. Nobody has to be reading. */

import type { Exit } from "../config/load.ts";
import { withoutErrorNumbers } from "../quote.ts";
import { writeAll } from "./small_files.ts";

/** Prints what an ended command line wants printed; returns its exit status. */
export function print({ status, stdout, stderr }: Exit): number {
  write(Deno.stdout, stdout);
  write(Deno.stderr, withoutErrorNumbers(stderr));
  return status;
}

/** Prints one line on stderr. */
export function complain(line: string): void {
  write(Deno.stderr, `${withoutErrorNumbers(line)}\n`);
}

/** Columns of the terminal; infinitely many where there is none, or one that does not say. */
export function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || Infinity;
  } catch {
    return Infinity;
  }
}

/** Writes to a standard stream. */
export function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  try {
    writeAll(stream, new TextEncoder().encode(text));
  } catch {
    // Closed: there is no place left to say so.
  }
}
