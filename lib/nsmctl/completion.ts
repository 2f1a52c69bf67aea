/** `nsmctl completion SHELL [PROGRAM]`: prints the shell's completion script for a program. */

import {
  type Command,
  type CommandOption,
  COMMON_OPTIONS,
  MACOS_OPTIONS,
  Status,
} from "./command.ts";
import { COMPLETED_PROGRAMS, programCompletion } from "./program_completion.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

/** The program of these commands, and all programs with completion. */
const OWN = "nsmctl";
const NAMES = [OWN, ...COMPLETED_PROGRAMS];

/** Argument of options that take a folder. */
const FOLDER = "DIR";

/**
 * Shell command that completes peer names. Any local user can put any name on the list, and shells
 * expand their input, so only characters of ordinary host names pass.
 */
const PEER_NAMES =
  "nsmctl -l 2>/dev/null | LC_ALL=C sed -n '9,$s/^.\\{9\\}\\([A-Za-z0-9.:%_-]*\\)$/\\1/p'";

/** Makes the completion command, for itself and the other commands. */
export function completion(commands: readonly Command[]): Command {
  const own: Command = {
    name: "completion",
    summary: "Print shell completion.",
    operands: `${SHELLS.join("|")} [PROGRAM]`,
    operandsMin: 1,
    operandsMax: 2,
    options: [],
    details: [
      `PROGRAM is ${NAMES.join(", ")}; default: ${OWN}.`,
      "Files for all users: /etc/bash_completion.d/nsmctl for bash, " +
      "/usr/local/share/zsh/site-functions/_nsmctl for zsh, /etc/fish/completions/nsmctl.fish for fish.",
    ],
    example: "nsmctl completion bash > /etc/bash_completion.d/nsmctl",
    takesPeers: false,
    run({ operands: [shell, program = OWN] }, { terminal, programName }) {
      const known = SHELLS.find((name) => name === shell);
      if (known === undefined) {
        terminal.complain(`${programName}: the shells are ${SHELLS.join(", ")}`);
        return Promise.resolve(Status.USAGE);
      }
      if (!NAMES.includes(program)) {
        terminal.complain(`${programName}: the programs are ${NAMES.join(", ")}`);
        return Promise.resolve(Status.USAGE);
      }
      terminal.print(
        program === OWN
          ? completionScript(known, [...commands, own])
          : programCompletion(known, program),
      );
      return Promise.resolve(Status.OK);
    },
  };
  return own;
}

/** Completion script for one shell. */
function completionScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case "bash":
      return bashScript(commands);
    case "zsh":
      return zshScript(commands);
    case "fish":
      return fishScript(commands);
  }
}

function allOptions({ options }: Command): CommandOption[] {
  return [...options, ...COMMON_OPTIONS];
}

function spellings({ letter, long }: CommandOption): string[] {
  return letter === undefined ? [`--${long}`] : [`--${long}`, `-${letter}`];
}

/** Choices of a command's operand in its usage line: `[nft|firewalld|ufw]`. */
function choicesOf({ operands }: Command): string[] {
  const [, words = ""] = /^\[?([a-z]+(?:\|[a-z]+)+)\]?(?: \[[A-Z]+\])?$/.exec(operands) ?? [];
  return words === "" ? [] : words.split("|");
}

/** Spellings of the options with an argument: a directory, or another one. */
function takers(commands: readonly Command[], isFolder: boolean): string[] {
  const options = commands.flatMap(allOptions)
    .filter(({ argument }) => argument !== undefined && (argument === FOLDER) === isFolder);
  return [...new Set(options.flatMap(spellings))];
}

function bashScript(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = allOptions(command).flatMap(spellings).join(" ");
    const choices = choicesOf(command);
    const operands = choices.length > 0
      ? ` words="${choices.join(" ")}"`
      : command.takesPeers
      ? ` words=$(${PEER_NAMES})`
      : "";
    return `    ${command.name}) options="${options}"${operands} ;;\n`;
  });
  const folders = takers(commands, true).join("|");
  return `# bash completion for nsmctl
_nsmctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command= words= options= at
  COMPREPLY=()
  if [[ $current == = ]]; then current=; fi
  if [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case $previous in
    ${folders})
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    ${takers(commands, false).join("|")}) return ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      ${folders}) if [[ \${COMP_WORDS[++at]} == = ]]; then ((at++)); fi ;;
      -*) ;;
      *) command=\${COMP_WORDS[at]}; break ;;
    esac
  done
  case $command in
    "") words="${commands.map(({ name }) => name).join(" ")}"
        options="${COMMON_OPTIONS.flatMap(spellings).join(" ")} ${
    MACOS_OPTIONS.map(({ letter }) => `-${letter}`).join(" ")
  }"
        if [[ $previous == -N ]]; then words=$(${PEER_NAMES}); fi ;;
${cases.join("")}  esac
  if [[ $current == -* ]]; then words=$options; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _nsmctl nsmctl
`;
}

function zshScript(commands: readonly Command[]): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");
  const option = ({ letter, long, argument, help }: CommandOption) => {
    const value = argument === undefined
      ? ""
      : `:${argument}:${argument === FOLDER ? "_files -/" : ""}`;
    const equals = argument === undefined ? "" : "=";
    const names = letter === undefined ? `--${long}${equals}` : `{-${letter},--${long}${equals}}`;
    return `${names}'[${quoted(help)}]${value}'`;
  };
  const ofMacos = ({ letter, argument, help }: typeof MACOS_OPTIONS[number]) =>
    `-${letter}'[${quoted(help)}]${argument === "" ? "" : `:${argument}:_nsmctl_peers`}'`;
  const names = commands.map(({ name, summary }) => `      '${name}:${quoted(summary)}'\n`).join(
    "",
  );
  const cases = commands.map((command) => {
    const choices = choicesOf(command);
    const operands = choices.length > 0
      ? ` '*:choice:(${choices.join(" ")})'`
      : command.takesPeers
      ? ` '*:peer:_nsmctl_peers'`
      : "";
    const options = allOptions(command).map(option).join(" ");
    return `        ${command.name}) _arguments ${options}${operands} ;;\n`;
  });
  return `#compdef nsmctl
_nsmctl_peers() {
  local -a peers
  peers=(\${(f)"$(${PEER_NAMES})"})
  compadd -a peers
}
_nsmctl() {
  local curcontext=$curcontext state line
  local -a commands
  _arguments -C ${COMMON_OPTIONS.map(option).join(" ")} \\
    ${MACOS_OPTIONS.map(ofMacos).join(" ")} \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      commands=(
${names}      )
      _describe command commands ;;
    argument)
      case $words[1] in
${cases.join("")}      esac ;;
  esac
}
if [[ $funcstack[1] == _nsmctl ]]; then _nsmctl "$@"; else compdef _nsmctl nsmctl; fi
`;
}

function fishScript(commands: readonly Command[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const option = ({ letter, long, argument, help }: CommandOption) => {
    const short = letter === undefined ? "" : ` -s ${letter}`;
    const value = argument === undefined
      ? ""
      : argument === FOLDER
      ? " -x -a '(__fish_complete_directories)'"
      : " -x";
    return `${short} -l ${long}${value} -d ${quoted(help)}`;
  };
  const peers = `-a ${quoted(`(${PEER_NAMES})`)}`;
  const names = commands.map(({ name }) => name).join(" ");
  const first = `complete -c nsmctl -n 'not __fish_seen_subcommand_from ${names}'`;
  const lines = [
    "# fish completion for nsmctl",
    "complete -c nsmctl -f",
    ...COMMON_OPTIONS.map((common) => `${first}${option(common)}`),
    ...MACOS_OPTIONS.map(({ letter, argument, help }) =>
      `${first} -s ${letter}${argument === "" ? "" : ` -x ${peers}`} -d ${quoted(help)}`
    ),
    ...commands.map(({ name, summary }) => `${first} -a ${name} -d ${quoted(summary)}`),
  ];
  for (const command of commands) {
    const { name, takesPeers } = command;
    const here = `complete -c nsmctl -n '__fish_seen_subcommand_from ${name}'`;
    lines.push(...allOptions(command).map((own) => `${here}${option(own)}`));
    if (takesPeers) lines.push(`${here} ${peers}`);
    const choices = choicesOf(command);
    if (choices.length > 0) lines.push(`${here} -a ${quoted(choices.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}
