/** The text of `--help`. */

import { type Action, ACTION_HELP, type CommandLine } from "./command_lines.ts";
import { optionForms, options } from "./flags.ts";
import type { Table } from "./settings.ts";

/** Column of the explanations; wider than any option. */
const HELP_COLUMN = 34;

/** One line per option, the options that do something else first. */
export function usage<T extends Table>(commandLine: CommandLine<T>, programName: string): string {
  const help = new Map<string, string>(
    Object.keys(ACTION_HELP).map((action) => [action, ACTION_HELP[action as Action]]),
  );
  const argument = new Map<string, string>();
  for (const [, row, option] of options(commandLine.table)) {
    help.set(option.long, option.help ?? row.help);
    if ("argument" in option) argument.set(option.long, `=${option.argument}`);
  }
  const lines = optionForms(commandLine).map(({ letters, long }) => {
    const short = Array.from(letters, (letter) => `-${letter}, `).join("") || "    ";
    const option = `  ${short}--${long}${argument.get(long) ?? ""}`;
    return `${option.padEnd(HELP_COLUMN)} ${help.get(long)}\n`;
  });
  return `usage: ${programName} [options]\n${lines.join("")}`;
}
