/** The text of `--help`. */

import { optionForms, options } from "./flags.ts";
import { type Action, ACTION_HELP, type Role } from "./roles.ts";
import type { Table } from "./settings.ts";

/** Column of the explanations; wider than any option. */
const HELP_COLUMN = 34;

/** One line per option, the options that do something else first. */
export function usage<T extends Table>(role: Role<T>, programName: string): string {
  const help = new Map<string, string>(
    Object.keys(ACTION_HELP).map((action) => [action, ACTION_HELP[action as Action]]),
  );
  const argument = new Map<string, string>();
  for (const [, row, option] of options(role.table)) {
    help.set(option.long, option.help ?? row.help);
    if ("argument" in option) argument.set(option.long, `=${option.argument}`);
  }
  const lines = optionForms(role).map(({ letters, long }) => {
    const short = Array.from(letters, (letter) => `-${letter}, `).join("") || "    ";
    const option = `  ${short}--${long}${argument.get(long) ?? ""}`;
    return `${option.padEnd(HELP_COLUMN)} ${help.get(long)}\n`;
  });
  return `usage: ${programName} [options]\n${lines.join("")}`;
}
