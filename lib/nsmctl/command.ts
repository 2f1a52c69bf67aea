/** Commands of nsmctl and their command lines; the only user of `@std/cli`. */

import { parseArgs } from "@std/cli/parse-args";
import { didYouMean } from "../config/nearest.ts";
import type { Session } from "./session.ts";

/** Exit statuses of every command; the manual page lists them. */
export const Status = {
  /** Success, and all is well. */
  OK: 0,
  /** A problem was found, or the requested thing does not exist. */
  PROBLEM: 1,
  /** Usage error. */
  USAGE: 2,
  /** No daemon serves this state directory; LSB's status for `status`. */
  NOT_RUNNING: 3,
  /** The daemon runs and does not answer. */
  SILENT: 5,
} as const;

/** Option of a command. */
export interface CommandOption {
  /** Letter, if it has one. */
  readonly letter?: string;
  readonly long: string;
  /** Name of the argument, in capitals; absent for a switch. */
  readonly argument?: string;
  readonly help: string;
}

/** Parsed arguments of a command. */
export interface Given {
  readonly operands: readonly string[];
  /** Whether an option was given. */
  has(long: string): boolean;
  /** Last argument of an option. */
  get(long: string): string | undefined;
}

/** Command: its help, its options, and its action. */
export interface Command {
  readonly name: string;
  /** One-sentence description. */
  readonly summary: string;
  /** Operands in the usage line. */
  readonly operands: string;
  readonly operandsMin: number;
  readonly operandsMax: number;
  readonly options: readonly CommandOption[];
  /** Further paragraphs of the help. */
  readonly details?: readonly string[];
  readonly example: string;
  /** Whether operands are names of peers, for completion. */
  readonly takesPeers: boolean;
  run(given: Given, session: Session): Promise<number>;
}

/** Timeout of the daemon's answers; parsed into {@link Session.timeoutMs}. */
export const TIMEOUT_OPTION: CommandOption = {
  letter: "t",
  long: "timeout",
  argument: "SECONDS",
  help: "Seconds to wait for an answer of the daemon; default: 3.",
};

/** Options of all commands. */
export const COMMON_OPTIONS: readonly CommandOption[] = [
  {
    letter: "P",
    long: "state-directory-path",
    argument: "DIR",
    help: "State directory; default: that of nfs.conf.",
  },
  { letter: "h", long: "help", help: "Print this help." },
  { letter: "V", long: "version", help: "Print the version." },
];

/** Options of macOS that replace a command. */
export const MACOS_OPTIONS: readonly Required<Omit<CommandOption, "long">>[] = [
  { letter: "l", argument: "", help: "List once, as on macOS." },
  { letter: "L", argument: "", help: "List, then print changes, as on macOS." },
  { letter: "N", argument: "HOST", help: "Remove HOST from the notify list, as on macOS." },
];

/** Parses arguments; `fault` describes the first error. */
export function readArguments(
  args: readonly string[],
  options: readonly CommandOption[],
): Given & { readonly fault?: string } {
  const { operands, given, fault } = parse(args, options, false);
  return { operands, ...given, ...(fault === undefined ? {} : { fault }) };
}

/** Command line, split at the name of the command. */
export interface SplitLine {
  readonly before: readonly string[];
  readonly name: string | undefined;
  readonly after: readonly string[];
}

/** Splits a command line at its first operand; `options` are permitted before it. */
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

/** Parses arguments by `parseArgs`; `--` ends the options, and with `stopEarly` the first operand does. */
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
