/** Terminal: width, colours, output, and questions to the user. */

import { writeAll } from "../platform/small_files.ts";
import { terminalColumns } from "../platform/standard_streams.ts";
import { printable, withoutErrorNumbers } from "../quote.ts";
import { reasonOf } from "../reason.ts";

/** Width without a terminal, such as for a pipe: nothing is truncated. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

export interface Terminal {
  /** Width, in columns. */
  readonly width: number;
  readonly colours: Colours;
  /**
   * Prints text on standard output; false when the reader has closed it. Control characters are escaped,
   * whatever their origin, except line feeds and {@link colours}.
   *
   * @throws {Error} When it cannot be written, as on a full disk.
   */
  print(text: string): boolean;
  /** Replaces the screen, like {@link print}. */
  draw(lines: readonly string[]): boolean;
  /** Prints a line on standard error. */
  complain(line: string): void;
  /** Asks a yes/no question; undefined if stdin is no terminal. */
  confirm(question: string): boolean | undefined;
}

/** Terminal of this process, or its pipe or file. */
export function ownTerminal(): Terminal {
  const isTerminal = Deno.stdout.isTerminal();
  const print = (text: string) => {
    try {
      write(Deno.stdout, withoutErrorNumbers(text));
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) return false;
      throw new Error(`Cannot write to standard output: ${reasonOf(error)}`, { cause: error });
    }
  };
  const noColour = (Deno.env.get("NO_COLOR") ?? "") !== "" || Deno.env.get("TERM") === "dumb";
  return {
    width: isTerminal ? Math.min(terminalColumns(), UNLIMITED) : UNLIMITED,
    colours: coloursFor(isTerminal && !noColour),
    print: (text) => print(harmless(text)),
    draw: (lines) =>
      print(`\x1b[H${lines.map((line) => `${harmless(line)}\x1b[K\n`).join("")}\x1b[J`),
    complain(line) {
      try {
        write(Deno.stderr, `${harmless(withoutErrorNumbers(line))}\n`);
      } catch {
        // Nowhere else to report it.
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

/** Text without control characters other than line feeds and our colours. */
export function harmless(text: string): string {
  return text.split(OURS).map((part, i) => i % 2 === 0 ? printable(part) : part).join("");
}

/** Colours by meaning. */
export interface Colours {
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
}

const codes = { good: 32, warning: 33, bad: 31, strong: 1, faint: 2 } as const;
const OURS = new RegExp(`(\n|\x1b\\[(?:0|${Object.values(codes).join("|")})m)`);

/** Colours as ECMA-48 escape sequences, or none. */
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
