/** Parts of the manual pages that list options and keys, in mdoc(7). */

import { type Action, ACTION_HELP, type CommandLine } from "../../lib/config/command_lines.ts";
import { optionForms, options } from "../../lib/config/flags.ts";
import { quoteValue } from "../../lib/config/grammar.ts";
import { mdocArgument as argument, mdocText as text } from "./mdoc.ts";
import { type FileSetting, settingsBySection } from "./sections.ts";
import type { FileKey, Option, Setting, Table } from "../../lib/config/settings.ts";

/** Lines of a SYNOPSIS: first the run, then the actions instead of a run. */
export function manSynopsis<T extends Table>({ table, actions }: CommandLine<T>): string {
  const all = options(table).map(([, , option]) => option);
  const switches = all.flatMap((option) => "sets" in option ? option.short ?? [] : []).sort();
  const others = all.filter((option) => "argument" in option || option.short === undefined);
  const instead = Object.entries(actions).map(([name, letters]) => letters[0] ?? `-${name}`);
  return [
    ".Nm",
    `.Op Fl ${switches.join("")}`,
    ...others.map((option) => `.Op ${shortest(option)}`),
    ".Nm",
    `.Fl ${instead.join(" | ")}`,
  ].join("\n");
}

/** List of a program's options, with the actions instead of a run at the end. */
export function manOptions<T extends Table>(commandLine: CommandLine<T>): string {
  const settings = options(commandLine.table).map(([, row, option]) => [
    manItem(option.short ?? "", option.long, "argument" in option ? option.argument : ""),
    text(option.help ?? row.help),
    ...("argument" in option ? [text(`Value: ${(option.kind ?? row.kind).hint}.`)] : []),
    ...inFile(row, option),
  ]);
  const actions = optionForms(commandLine)
    .filter(({ long }) => long in ACTION_HELP)
    .map(({ letters, long }) => [
      manItem(letters, long, ""),
      text(ACTION_HELP[long as Action]),
    ]);
  return manList([...settings, ...actions]);
}

/** Keys of one section of nfs.conf. */
export function manKeys(section: FileKey["section"]): string {
  return manList((settingsBySection().get(section) ?? []).map(keyEntry));
}

/** Keys of one section read by both programs, as the end of a sentence. */
export function manSharedKeys(section: FileKey["section"]): string {
  const shared = (settingsBySection().get(section) ?? [])
    .filter(({ programs }) => programs.length > 1)
    .map(({ file }) => `.Cm ${file.key}`);
  return [...shared.slice(0, -1).map((line) => `${line} ,`), "and", `${shared.at(-1)} .`].join(
    "\n",
  );
}

/** Keys of macOS, with their spelling there and here. */
export function manMacosKeys(): string {
  const rows = [...settingsBySection().values()].flat().filter(({ file }) => file.flat);
  return [
    ".Bl -column nfs.statd.simu_crash_allowed simu-crash-allowed",
    '.It Sy "on macOS" Ta Sy here',
    ...rows.map(({ file }) => `.It Cm ${file.flat} Ta Cm ${file.key}`),
    ".El",
  ].join("\n");
}

function keyEntry({ file, row, programs }: FileSetting): string[] {
  const value = row.default === undefined ? "" : quoteValue(row.kind.write(row.default));
  return [
    `.It Cm ${file.key}`,
    text(row.help),
    text(`Value: ${row.kind.hint}.`),
    ...(value === "" ? ["Default: none."] : ["Default:", `.Li ${argument(value)} .`]),
    ...(row.option === undefined ? [] : ["Option:", `.Fl ${spelling(row.option)}`, of(programs)]),
    ...(row.isLive ? ["A change takes effect on", ".Dv SIGHUP ."] : []),
    ...(file.flat === undefined ? [] : ["On macOS:", `.Cm ${file.flat} .`]),
  ];
}

/** Programs by their manual pages. */
function of(programs: FileSetting["programs"]): string {
  const pages = programs.map((program) => program === "rpc.statd" ? "statd" : program);
  return pages.map((page, at) => {
    return `${at === 0 ? "of" : "and"}\n.Xr ${page} 8${at === pages.length - 1 ? " ." : ""}`;
  }).join("\n");
}

/** Other places where a setting can be given. */
function inFile({ file, environment }: Setting<unknown>, option: Option<unknown>): string[] {
  const lines: string[] = [];
  if (file !== undefined) {
    const value = "sets" in option && option.sets === false ? " Ns = Ns Li no" : "";
    lines.push("In nfs.conf:", `.Cm ${file.key}${value}`, `in section [${file.section}].`);
  }
  if (environment !== undefined) {
    lines.push("In the environment: a positive number in", `.Ev ${environment} .`);
  }
  return lines;
}

/** Head of an option in a list; `value` names its argument. */
export function manItem(letters: string, long: string, value: string): string {
  const given = value === "" ? "" : ` Ar ${value}`;
  const short = Array.from(letters, (letter) => `Fl ${argument(letter)}${given} , `).join("");
  return `.It ${short}Fl -${long}${value === "" ? "" : ` Ns = Ns Ar ${value}`}`;
}

function shortest(option: Option<unknown>): string {
  const value = "argument" in option ? option.argument : "";
  if (option.short !== undefined) return `Fl ${option.short}${value && ` Ar ${value}`}`;
  return `Fl -${option.long}${value && ` Ns = Ns Ar ${value}`}`;
}

function spelling({ short, long }: Option<unknown>): string {
  return short ?? `-${long}`;
}

/** List with a head for each item. */
export function manList(items: readonly (readonly string[])[]): string {
  return [".Bl -tag -width Ds", ...items.flat(), ".El"].join("\n");
}
