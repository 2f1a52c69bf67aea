/** The text of `--help`, for nsmctl and for each of its commands. */

import { type Command, type CommandOption, COMMON_OPTIONS } from "./command.ts";

/** Narrowest column of what is explained. */
const TERM_MIN = 20;

/** The overview. */
export function overview(programName: string, commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const);
  const compatible: (readonly [string, string])[] = [
    ["-l", "List once, as on macOS."],
    ["-L", "List, then print changes, as on macOS."],
    ["-N HOST", "Forget that HOST is to be notified, as on macOS."],
  ];
  return `usage: ${programName} [-P DIR] COMMAND [ARGUMENTS]\n` +
    `       ${programName} -l | -L | -N HOST\n\n` +
    `See and steer the status monitor.\n\n${definitions([...rows, ...compatible])}\n` +
    `${definitions(COMMON_OPTIONS.map(explained))}\n` +
    `${programName} COMMAND --help tells more of each.\n`;
}

/** The help of one command. */
export function commandHelp(programName: string, command: Command): string {
  const operands = command.operands === "" ? "" : ` ${command.operands}`;
  const details = command.details === undefined ? "" : `\n${command.details.join("\n")}\n`;
  return `usage: ${programName} ${command.name} [OPTIONS]${operands}\n\n` +
    `${command.summary}\n${details}\n` +
    `${definitions([...command.options, ...COMMON_OPTIONS].map(explained))}\n` +
    `Example: ${command.example}\n`;
}

function explained({ letter, long, argument, help }: CommandOption): readonly [string, string] {
  const short = letter === undefined ? "    " : `-${letter}, `;
  return [`${short}--${long}${argument === undefined ? "" : `=${argument}`}`, help];
}

function definitions(rows: readonly (readonly [string, string])[]): string {
  const width = rows.reduce((most, [term]) => Math.max(most, term.length), TERM_MIN);
  return rows.map(([term, text]) => `  ${term.padEnd(width)}  ${text}\n`).join("");
}
