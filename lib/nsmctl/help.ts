/** Text of `--help`, for nsmctl and each of its commands. */

import { type Command, type CommandOption, COMMON_OPTIONS, MACOS_OPTIONS } from "./command.ts";
import { type Definition, definitions, filled, HELP_WIDTH_MAX } from "../config/help_text.ts";

/** Column of the explanations. */
const TEXTS = 24;

/** Overview for a terminal width. */
export function overview(
  programName: string,
  commands: readonly Command[],
  width: number,
): string {
  const rows = commands.map(({ name, summary }): Definition => [name, summary]);
  const compatible = MACOS_OPTIONS.map(({ letter, argument, help }): Definition => [
    `-${letter} ${argument}`.trimEnd(),
    help,
  ]);
  return `usage: ${programName} [-P DIR] COMMAND [ARGUMENTS]\n` +
    `       ${programName} -l | -L | -N HOST\n\n` +
    `See and steer the status monitor.\n\n${
      definitions([...rows, ...compatible], width, TEXTS)
    }\n` +
    `${definitions(COMMON_OPTIONS.map(explained), width, TEXTS)}\n` +
    `${programName} help COMMAND, or COMMAND --help, tells more of each.\n`;
}

/** Help of one command. */
export function commandHelp(programName: string, command: Command, width: number): string {
  const operands = command.operands === "" ? "" : ` ${command.operands}`;
  const paragraphs = [command.summary, "", ...command.details ?? []]
    .map((text) => `${filled(text, Math.min(width, HELP_WIDTH_MAX), 0)}\n`).join("");
  const options = [...command.options, ...COMMON_OPTIONS].map(explained);
  return `usage: ${programName} ${command.name} [OPTIONS]${operands}\n\n${paragraphs}` +
    `${command.details === undefined ? "" : "\n"}${definitions(options, width, TEXTS)}\n` +
    `Example: ${command.example}\n`;
}

function explained({ letter, long, argument, help }: CommandOption): Definition {
  const short = letter === undefined ? "    " : `-${letter}, `;
  return [`${short}--${long}${argument === undefined ? "" : `=${argument}`}`, help];
}
