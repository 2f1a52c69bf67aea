/**
 * Command lines of the daemons, parsed into settings.
 *
 * Options are processed in order: a bad value, `--help` and `--version` end the parsing, and later
 * arguments are ignored.
 *
 * Source: statd(8), sm-notify(8).
 */

import { type Action, ACTION_HELP, type CommandLine } from "./command_lines.ts";
import { getopt, type OptionForm } from "./getopt.ts";
import type { Given, Layer } from "./merge.ts";
import { quote } from "../quote.ts";
import type { ReadFiles } from "./read_files.ts";
import type { Option, Setting, Table } from "./settings.ts";

/** Result of parsing a command line. */
export type Flags =
  | { readonly kind: "given"; readonly layer: Layer; readonly checkConfig: boolean }
  | { readonly kind: "help" | "version" }
  /** Line for stderr, whether to point to `--help`, and the exit status. */
  | {
    readonly kind: "wrong";
    readonly message: string;
    readonly isHelped: boolean;
    readonly status: number;
  };

/** Parses the arguments of one program. */
export function readFlags<T extends Table>(
  commandLine: CommandLine<T>,
  args: readonly string[],
  files: ReadFiles,
): Flags {
  const { options: given, operands, fault } = getopt(args, optionForms(commandLine));
  const layer = new Map<string, Given>();
  let checkConfig = false;

  for (const { long, argument = "" } of given) {
    if (long === "help" || long === "version") return { kind: long };
    if (long === "check-config") checkConfig = true;
    for (const [name, row, option] of options(commandLine.table)) {
      if (option.long !== long) continue;
      const { value, problem } = readOption(row, option, argument, files);
      if (problem !== undefined) {
        return { kind: "wrong", message: problem, isHelped: !row.kind.fatal, status: 1 };
      }
      const before = "isRepeatable" in option ? layer.get(name)?.value : undefined;
      layer.set(name, {
        value: Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value,
        origin: `option ${spelling(option)}`,
      });
    }
  }
  if (fault !== undefined) {
    return { kind: "wrong", message: fault, isHelped: true, status: commandLine.wrongOptionStatus };
  }
  const [operand] = operands;
  if (commandLine.operands === "refused" && operand !== undefined) {
    const message = `unexpected operand ${quote(operand)}`;
    return { kind: "wrong", message, isHelped: true, status: 1 };
  }
  return { kind: "given", layer, checkConfig };
}

/** All options of a program, actions first. */
export function optionForms<T extends Table>(
  { actions, table }: CommandLine<T>,
): readonly OptionForm[] {
  const names = Object.keys(ACTION_HELP) as Action[];
  return [
    ...names.map((long) => ({ letters: actions[long], long, hasArgument: false })),
    ...options(table).map(([, , option]) => ({
      letters: option.short ?? "",
      long: option.long,
      hasArgument: "argument" in option,
    })),
  ];
}

/** Settings that have an option. */
export function options(table: Table): readonly [string, Setting<unknown>, Option<unknown>][] {
  return Object.entries(table).flatMap(([name, row]) =>
    row.option === undefined ? [] : [[name, row, row.option] as const]
  );
}

/** Shortest spelling of an option. */
function spelling({ short, long }: Option<unknown>): string {
  return short === undefined ? `--${long}` : `-${short}`;
}

function readOption(
  row: Setting<unknown>,
  option: Option<unknown>,
  argument: string,
  files: ReadFiles,
) {
  return "sets" in option
    ? { value: option.sets }
    : (option.kind ?? row.kind).read(argument, files);
}
