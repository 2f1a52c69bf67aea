/** The text of `--help`, for nsmctl and for each of its commands. */

import { type Command, type CommandOption, COMMON_OPTIONS, MACOS_OPTIONS } from "./command.ts";
import { filled } from "./text.ts";

/** Lines are not longer than this, however wide the terminal is. */
const LINE_MAX = 80;
/** Column of what is explained. */
const TERMS = 2;
/** Column of the explanations, and further right of what is explained they begin below it. */
const TEXTS = 24;
/** The same on terminals that have less than twice that. */
const TEXTS_NARROW = 6;

/** A word and its explanation. */
type Definition = readonly [term: string, text: string];

/** The overview, for a terminal of that width. */
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
    `See and steer the status monitor.\n\n${definitions([...rows, ...compatible], width)}\n` +
    `${definitions(COMMON_OPTIONS.map(explained), width)}\n` +
    `${programName} COMMAND --help tells more of each.\n`;
}

/** The help of one command. */
export function commandHelp(programName: string, command: Command, width: number): string {
  const operands = command.operands === "" ? "" : ` ${command.operands}`;
  const paragraphs = [command.summary, "", ...command.details ?? []]
    .map((text) => `${filled(text, Math.min(width, LINE_MAX), 0)}\n`).join("");
  const options = [...command.options, ...COMMON_OPTIONS].map(explained);
  return `usage: ${programName} ${command.name} [OPTIONS]${operands}\n\n${paragraphs}` +
    `${command.details === undefined ? "" : "\n"}${definitions(options, width)}\n` +
    `Example: ${command.example}\n`;
}

function explained({ letter, long, argument, help }: CommandOption): Definition {
  const short = letter === undefined ? "    " : `-${letter}, `;
  return [`${short}--${long}${argument === undefined ? "" : `=${argument}`}`, help];
}

function definitions(rows: readonly Definition[], width: number): string {
  const texts = width < 2 * TEXTS ? TEXTS_NARROW : TEXTS;
  return rows.map(([term, text]) => {
    const explanation = filled(text, Math.min(width, LINE_MAX), texts);
    const head = " ".repeat(TERMS) + term;
    return head.length + TERMS <= texts
      ? `${head.padEnd(texts)}${explanation}\n`
      : `${head}\n${" ".repeat(texts)}${explanation}\n`;
  }).join("");
}
