/** Commands of nsmctl, and the reading of its command line; the only user of `@std/cli`. */

import { parseArgs } from "@std/cli/parse-args";
import { didYouMean } from "../config/nearest.ts";
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

/** Reads arguments; `fault` says what is wrong with the first faulty one. */
export function readArguments(
  args: readonly string[],
  options: readonly CommandOption[],
): Given & { readonly fault?: string } {
  const { operands, given, fault } = parse(args, options, false);
  return { operands, ...given, ...(fault === undefined ? {} : { fault }) };
}

/** A command line, cut at the name of the command. */
export interface SplitLine {
  readonly before: readonly string[];
  readonly name: string | undefined;
  readonly after: readonly string[];
}

/** Cuts a command line at its first operand; `options` are those that may stand before it. */
export function splitAtCommand(
  args: readonly string[],
  options: readonly CommandOption[],
): SplitLine {
  const { operands, isEnded } = parse(args, options, true);
  const [name] = operands;
  const from = args.length - operands.length - (isEnded ? 1 : 0);
  const at = args[from] === "--" ? from + 1 : from;
  return { before: args.slice(0, at), name, after: args.slice(at + 1) };
}

/** Arguments by `parseArgs`; `--` ends the options, and with `stopEarly` the first operand does. */
function parse(args: readonly string[], options: readonly CommandOption[], stopEarly: boolean) {
  let fault: string | undefined;
  const isSwitch = ({ argument }: CommandOption) => argument === undefined;
  const names = (of: readonly CommandOption[]) => of.map(({ long }) => long);
  const { _: operands, "--": ended, ...values } = parseArgs([...args], {
    stopEarly,
    "--": true,
    alias: Object.fromEntries(
      options.flatMap(({ letter, long }) => letter ? [[long, letter]] : []),
    ),
    boolean: names(options.filter(isSwitch)),
    string: ["_", ...names(options.filter((option) => !isSwitch(option)))],
    unknown(arg, key) {
      if (key === undefined) return true;
      const longs = names(options).map((long) => `--${long}`);
      const guess = arg.startsWith("--") ? didYouMean(arg.replace(/=.*/s, ""), longs) : "";
      fault ??= `unrecognized option '${arg}'${guess}`;
      return false;
    },
  });
  const given = new Map(Object.entries(values as Record<string, unknown>));
  const missing = names(options).find((long) => given.get(long) === "");
  if (missing !== undefined) fault ??= `option '--${missing}' requires an argument`;
  return {
    operands: [...operands, ...ended].map(String),
    isEnded: args.includes("--"),
    given: {
      has: (long: string) => given.has(long) && given.get(long) !== false,
      get: (long: string) => given.get(long) as string | undefined,
    },
    fault,
  };
}
