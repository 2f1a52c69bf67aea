/** What a command of nsmctl is, and how its part of the command line is read. */

import { type OptionForm, toPlainArgs } from "../config/getopt.ts";
import type { Session } from "./session.ts";

/** Exit statuses of every command; the manual page lists them. */
export const Status = {
  /** It worked, and all is well. */
  OK: 0,
  /** A problem was found, or what was asked for is not there. */
  PROBLEM: 1,
  /** The command line is wrong. */
  USAGE: 2,
  /** No daemon serves this state directory; as LSB has it for `status`. */
  NOT_RUNNING: 3,
  /** The daemon is there and does not answer. */
  SILENT: 5,
} as const;

/** One option. */
export interface CommandOption {
  /** Its letter, if it has one. */
  readonly letter?: string;
  readonly long: string;
  /** What it takes, in capitals; nothing for a switch. */
  readonly argument?: string;
  readonly help: string;
}

/** What was given to a command. */
export interface Given {
  readonly operands: readonly string[];
  /** Whether a switch was given. */
  has(long: string): boolean;
  /** The last argument of an option. */
  get(long: string): string | undefined;
}

/** One command: its help, its options, and what it does. */
export interface Command {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** The operands as the usage line shows them. */
  readonly operands: string;
  readonly operandsMin: number;
  readonly operandsMax: number;
  readonly options: readonly CommandOption[];
  /** Further paragraphs of its help. */
  readonly details?: readonly string[];
  readonly example: string;
  /** Whether operands are names of peers, for completion. */
  readonly takesPeers: boolean;
  run(given: Given, session: Session): Promise<number>;
}

/** How long the daemon may be silent; {@link Session.timeoutMs} is what it says. */
export const TIMEOUT_OPTION: CommandOption = {
  letter: "t",
  long: "timeout",
  argument: "SECONDS",
  help: "How long the daemon may be silent; 3 without it.",
};

/** Options that every command has. */
export const COMMON_OPTIONS: readonly CommandOption[] = [
  {
    letter: "P",
    long: "state-directory-path",
    argument: "DIR",
    help: "The state directory, in place of the one that nfs.conf names.",
  },
  { letter: "h", long: "help", help: "Print this help." },
  { letter: "V", long: "version", help: "Print the version." },
];

/** What may stand in place of a command, as on macOS. */
export const MACOS_OPTIONS: readonly Required<Omit<CommandOption, "long">>[] = [
  { letter: "l", argument: "", help: "List once, as on macOS." },
  { letter: "L", argument: "", help: "List, then print changes, as on macOS." },
  { letter: "N", argument: "HOST", help: "Forget that HOST is to be notified, as on macOS." },
];

/** Options in the form that the parser takes. */
function formsOf(options: readonly CommandOption[]): OptionForm[] {
  return options.map(({ letter = "", long, argument }) => ({
    letters: letter,
    long,
    hasArgument: argument !== undefined,
  }));
}

/** Reads arguments; `fault` says what is wrong with them. */
export function readArguments(
  args: readonly string[],
  options: readonly CommandOption[],
): Given & { readonly fault?: string } {
  const { words, operands, fault } = toPlainArgs(args, formsOf(options));
  const given = new Map<string, string>();
  for (const word of words) {
    const mark = word.indexOf("=");
    if (mark < 0) given.set(word.slice(2), "");
    else given.set(word.slice(2, mark), JSON.parse(word.slice(mark + 1)));
  }
  return {
    operands,
    has: (long) => given.has(long),
    get: (long) => given.get(long),
    ...(fault === undefined ? {} : { fault }),
  };
}
