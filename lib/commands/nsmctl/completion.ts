/** `nsmctl completion SHELL`: prints what a shell needs to complete our command lines. */

import { type Command, type CommandOption, COMMON_OPTIONS, Status } from "./command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

/** What is completed for a peer: the names that the list has. */
const PEER_NAMES = "nsmctl -l 2>/dev/null | tail -n +9 | cut -c10-";

/** The command that writes completion for others, and for itself. */
export function completion(commands: readonly Command[]): Command {
  const own: Command = {
    name: "completion",
    summary: "Print shell completion.",
    operands: SHELLS.join("|"),
    operandsMin: 1,
    operandsMax: 1,
    options: [],
    example: "nsmctl completion bash > /etc/bash_completion.d/nsmctl",
    takesPeers: false,
    run({ operands: [shell] }, { terminal, programName }) {
      const known = SHELLS.find((name) => name === shell);
      if (known === undefined) {
        terminal.complain(`${programName}: the shells are ${SHELLS.join(", ")}`);
        return Promise.resolve(Status.USAGE);
      }
      terminal.print(completionScript(known, [...commands, own]));
      return Promise.resolve(Status.OK);
    },
  };
  return own;
}

/** The script for one shell. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
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

function bashScript(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = allOptions(command).flatMap(spellings).join(" ");
    const operands = command.name === "completion"
      ? ` words="${SHELLS.join(" ")}"`
      : command.takesPeers
      ? ` words=$(${PEER_NAMES})`
      : "";
    return `    ${command.name}) options="${options}"${operands} ;;\n`;
  });
  return `# bash completion for nsmctl
_nsmctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command= word words= options=
  COMPREPLY=()
  case $previous in
    -P|--state-directory-path) COMPREPLY=($(compgen -d -- "$current")); return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      -*) ;;
      *) command=$word; break ;;
    esac
  done
  case $command in
    "") words="${commands.map(({ name }) => name).join(" ")}"
        options="${COMMON_OPTIONS.flatMap(spellings).join(" ")} -l -L -N" ;;
${cases.join("")}  esac
  if [[ $current == -* ]]; then
    words=$options
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _nsmctl nsmctl
`;
}

function zshScript(commands: readonly Command[]): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");
  const option = ({ letter, long, argument, help }: CommandOption) => {
    const value = argument === undefined
      ? ""
      : `:${argument}:${argument === "DIR" ? "_files -/" : ""}`;
    const names = letter === undefined ? `--${long}` : `{-${letter},--${long}}`;
    const equals = argument === undefined || letter !== undefined ? "" : "=";
    return `${names}${equals}'[${quoted(help)}]${value}'`;
  };
  const names = commands.map(({ name, summary }) => `    '${name}:${quoted(summary)}'\n`).join("");
  const cases = commands.map((command) => {
    const operands = command.name === "completion"
      ? ` '*:shell:(${SHELLS.join(" ")})'`
      : command.takesPeers
      ? ` '*:peer:_nsmctl_peers'`
      : "";
    return `    ${command.name}) _arguments ${
      allOptions(command).map(option).join(" ")
    }${operands} ;;\n`;
  });
  return `#compdef nsmctl
_nsmctl_peers() {
  local -a peers
  peers=(\${(f)"$(${PEER_NAMES})"})
  _describe peer peers
}
_nsmctl() {
  local -a commands
  commands=(
${names}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("")}  esac
}
compdef _nsmctl nsmctl
`;
}

function fishScript(commands: readonly Command[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines: string[] = [
    "# fish completion for nsmctl",
    "complete -c nsmctl -f",
  ];
  for (const command of commands) {
    const { name, summary, takesPeers } = command;
    const first = "-n __fish_use_subcommand";
    lines.push(`complete -c nsmctl ${first} -a ${name} -d ${quoted(summary)}`);
    const here = `-n '__fish_seen_subcommand_from ${name}'`;
    for (const { letter, long, argument, help } of allOptions(command)) {
      const short = letter === undefined ? "" : ` -s ${letter}`;
      const value = argument === undefined ? "" : argument === "DIR" ? " -r -F" : " -x";
      lines.push(`complete -c nsmctl ${here}${short} -l ${long}${value} -d ${quoted(help)}`);
    }
    if (takesPeers) lines.push(`complete -c nsmctl ${here} -a '(${PEER_NAMES})'`);
    if (name === "completion") {
      lines.push(`complete -c nsmctl ${here} -a ${quoted(SHELLS.join(" "))}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
