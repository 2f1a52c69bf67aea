/** Text of `--help`. */

import { type Action, ACTION_HELP, type CommandLine } from "./command_lines.ts";
import { definitions } from "./help_text.ts";
import { optionForms, options } from "./flags.ts";
import type { Table } from "./settings.ts";

/** Column of the explanations; wider than nearly any option. */
const HELP_COLUMN = 34;

/** Help of all options for a terminal width, actions first. */
export function usage<T extends Table>(
  commandLine: CommandLine<T>,
  programName: string,
  width: number,
): string {
  const help = new Map<string, string>(
    Object.keys(ACTION_HELP).map((action) => [action, ACTION_HELP[action as Action]]),
  );
  const argument = new Map<string, string>();
  for (const [, row, option] of options(commandLine.table)) {
    help.set(option.long, option.help ?? row.help);
    if ("argument" in option) argument.set(option.long, `=${option.argument}`);
  }
  const rows = optionForms(commandLine).map(({ letters, long }) => {
    const short = Array.from(letters, (letter) => `-${letter}, `).join("") || "    ";
    return [`${short}--${long}${argument.get(long) ?? ""}`, help.get(long)!] as const;
  });
  return `usage: ${programName} [options]\n${definitions(rows, width, HELP_COLUMN)}`;
}
