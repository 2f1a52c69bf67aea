/** Where output for people goes: how wide it is, whether it has colours, and who can be asked. */

import { reasonOf } from "../nsm/ports.ts";
import { writeAll } from "../platform/small_files.ts";
import { terminalColumns } from "../platform/standard_streams.ts";
import { withoutErrorNumbers } from "../quote.ts";

/** Width where nobody looks at columns, such as a pipe: nothing is cut. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

export interface Terminal {
  /** Columns of a line. */
  readonly width: number;
  readonly colours: Colours;
  /**
   * Prints text on standard output; false when nobody reads it any more.
   *
   * @throws {Error} When it cannot be written, as on a full disk.
   */
  print(text: string): boolean;
  /** Prints a line on standard error. */
  complain(line: string): void;
  /** Asks a question that is answered with yes or no; undefined where there is nobody to ask. */
  confirm(question: string): boolean | undefined;
}

/** The terminal, pipe or file that this process was given. */
export function ownTerminal(): Terminal {
  const isTerminal = Deno.stdout.isTerminal();
  const noColour = (Deno.env.get("NO_COLOR") ?? "") !== "" || Deno.env.get("TERM") === "dumb";
  return {
    width: isTerminal ? Math.min(terminalColumns(), UNLIMITED) : UNLIMITED,
    colours: coloursFor(isTerminal && !noColour),
    print(text) {
      try {
        write(Deno.stdout, withoutErrorNumbers(text));
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) return false;
        throw new Error(`Cannot write to standard output: ${reasonOf(error)}`, { cause: error });
      }
    },
    complain(line) {
      try {
        write(Deno.stderr, `${withoutErrorNumbers(line)}\n`);
      } catch {
        // There is no other place to say so.
      }
    },
    confirm(question) {
      if (!Deno.stdin.isTerminal()) return undefined;
      write(Deno.stderr, `${question} [y/N] `);
      const answer = new Uint8Array(64);
      const length = Deno.stdin.readSync(answer) ?? 0;
      return /^\s*y(es)?\s*$/i.test(new TextDecoder().decode(answer.subarray(0, length)));
    },
  };
}

function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  writeAll(stream, new TextEncoder().encode(text));
}

/** What text means, rather than how it looks. */
export interface Colours {
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

const codes = { good: 32, warning: 33, bad: 31, strong: 1, faint: 2 } as const;

/** Colours by the escape sequences of ECMA-48, or none. */
export function coloursFor(isColoured: boolean): Colours {
  const paint = (code: number) => (text: string) =>
    isColoured && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text;
  return {
    good: paint(codes.good),
    warning: paint(codes.warning),
    bad: paint(codes.bad),
    strong: paint(codes.strong),
    faint: paint(codes.faint),
  };
}
