/** Tables of settings in README, in Markdown as formatted by `deno fmt`. */

import { quoteValue } from "../../lib/config/grammar.ts";
import { type ProgramName, settingsBySection, TABLES } from "./sections.ts";
import type { Setting } from "../../lib/config/settings.ts";

/** All settings of a program, in the order of its table. */
export function readmeSettings(program: ProgramName): string {
  const rows = Object.values(TABLES[program]).map(({ file, option, help, ...row }) => [
    file === undefined ? "" : code(`[${file.section}] ${file.key}`),
    option === undefined
      ? ""
      : [...option.short ? [code(`-${option.short}`)] : [], code(`--${option.long}`)].join(", "),
    defaultOf(row),
    option?.help === undefined ? help : `${help} The option: ${lowerFirst(option.help)}`,
  ]);
  return table(["nfs.conf", "option", "default", "meaning"], rows);
}

/** Keys of macOS, and the names here. */
export function readmeMacosKeys(): string {
  const rows = [...settingsBySection()].flatMap(([section, settings]) =>
    settings.flatMap(({ file, row }) =>
      file.flat === undefined
        ? []
        : [[code(file.flat), code(`[${section}] ${file.key}`), defaultOf(row)]]
    )
  );
  return table(["macOS", "here", "default here"], rows);
}

function defaultOf(row: Pick<Setting<unknown>, "default" | "kind">): string {
  const value = row.default === undefined ? "" : row.kind.write(row.default);
  return value === "" ? "none" : code(quoteValue(value));
}

function code(text: string): string {
  return `\`${text}\``;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[], fill = " ") =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at]!, fill)).join(" | ")} |`;
  const [first, ...others] = cells;
  return [line(first!), line(head.map(() => ""), "-"), ...others.map((row) => line(row))].join(
    "\n",
  );
}
