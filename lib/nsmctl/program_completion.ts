/** Shell completion scripts for the programs beside nsmctl, generated from the texts of `--help`. */

import {
  type Action,
  ACTION_HELP,
  type CommandLine,
  RPCBIND_COMMAND_LINE,
  SM_NOTIFY_COMMAND_LINE,
  STATD_COMMAND_LINE,
} from "../config/command_lines.ts";
import { optionForms, options } from "../config/flags.ts";
import type { Table } from "../config/settings.ts";

/** Option as described to a shell. */
interface ProgramOption {
  readonly letters: readonly string[];
  readonly long: string;
  /** Argument in capitals; undefined for a switch. */
  readonly argument?: string;
  /** Allowed words, if the argument is an enumeration. */
  readonly choices: readonly string[];
  readonly help: string;
}

/** Hint that is a list of words only. */
const WORDS = /^[a-z]+(?:, [a-z]+)+$/;
/** Arguments that are paths: of a folder, and of a file. */
const FOLDER = "DIR";
const FILE = "PROGRAM";

/** Options by program. start-statd has no settings. */
const PROGRAMS: Readonly<Record<string, () => readonly ProgramOption[]>> = {
  "rpc.statd": () => optionsOf(STATD_COMMAND_LINE),
  "sm-notify": () => optionsOf(SM_NOTIFY_COMMAND_LINE),
  "start-statd": () => [action("h", "help"), action("V", "version")],
  "rpcbind": () => optionsOf(RPCBIND_COMMAND_LINE),
};

/** Programs with generated completion. */
export const COMPLETED_PROGRAMS: readonly string[] = Object.keys(PROGRAMS);

/** Completion script for one of {@link COMPLETED_PROGRAMS}. */
export function programCompletion(shell: "bash" | "zsh" | "fish", program: string): string {
  const given = PROGRAMS[program]!();
  switch (shell) {
    case "bash":
      return bashScript(program, given);
    case "zsh":
      return zshScript(program, given);
    case "fish":
      return fishScript(program, given);
  }
}

function action(letters: string, long: Action): ProgramOption {
  // Shells take "?" for a pattern.
  const plain = [...letters].filter((letter) => /[A-Za-z]/.test(letter));
  return { letters: plain, long, choices: [], help: ACTION_HELP[long] };
}

function optionsOf<T extends Table>(commandLine: CommandLine<T>): ProgramOption[] {
  const rows = new Map(options(commandLine.table).map((it) => [it[2].long, it]));
  return optionForms(commandLine).map(({ letters, long }) => {
    const found = rows.get(long);
    if (found === undefined) return action(letters, long as Action);
    const [, row, option] = found;
    const { hint } = row.kind;
    return {
      letters: [...letters],
      long,
      ...("argument" in option ? { argument: option.argument } : {}),
      choices: "argument" in option && WORDS.test(hint) ? hint.split(", ") : [],
      help: option.help ?? row.help,
    };
  });
}

function spellings({ letters, long }: ProgramOption): string[] {
  return [`--${long}`, ...letters.map((letter) => `-${letter}`)];
}

function bashScript(program: string, given: readonly ProgramOption[]): string {
  const takers = given.filter(({ argument }) => argument !== undefined);
  const cases = takers.map((option) => {
    const { argument, choices } = option;
    const isKnown = argument === FOLDER || argument === FILE || choices.length > 0;
    if (!isKnown) return `    ${spellings(option).join("|")}) return ;;\n`;
    const words = argument === FOLDER
      ? "-d"
      : argument === FILE
      ? "-f"
      : `-W "${choices.join(" ")}"`;
    const files = argument === FOLDER || argument === FILE ? "compopt -o filenames; " : "";
    return `    ${spellings(option).join("|")}) ${files}` +
      `mapfile -t COMPREPLY < <(compgen ${words} -- "$current"); return ;;\n`;
  });
  const name = `_nsm_${program.replaceAll(/\W/g, "_")}`;
  return `# bash completion for ${program}
${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if [[ $current == = ]]; then current=; fi
  if [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case $previous in
${cases.join("")}    *) ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "${given.flatMap(spellings).join(" ")}" -- "$current")
}
complete -F ${name} ${program}
`;
}

function zshScript(program: string, given: readonly ProgramOption[]): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");
  const lines = given.map((option) => {
    const { letters, long, argument, choices, help } = option;
    const equals = argument === undefined ? "" : "=";
    const names = [...letters.map((letter) => `-${letter}`), `--${long}${equals}`];
    const what = argument === FOLDER
      ? "_files -/"
      : argument === FILE
      ? "_files"
      : choices.length > 0
      ? `(${choices.join(" ")})`
      : "";
    const value = argument === undefined ? "" : `:${argument}:${what}`;
    const head = names.length === 1 ? names[0]! : `{${names.join(",")}}`;
    return `  ${head}'[${quoted(help)}]${value}'`;
  });
  return `#compdef ${program}\n_arguments \\\n${lines.join(" \\\n")}\n`;
}

function fishScript(program: string, given: readonly ProgramOption[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = given.map(({ letters, long, argument, choices, help }) => {
    const short = letters.map((letter) => ` -s ${letter}`).join("");
    const value = argument === undefined
      ? ""
      : argument === FOLDER
      ? " -x -a '(__fish_complete_directories)'"
      : argument === FILE
      ? " -r -F"
      : choices.length > 0
      ? ` -x -a ${quoted(choices.join(" "))}`
      : " -x";
    return `complete -c ${program}${short} -l ${long}${value} -d ${quoted(help)}`;
  });
  return `# fish completion for ${program}\ncomplete -c ${program} -f\n${lines.join("\n")}\n`;
}
