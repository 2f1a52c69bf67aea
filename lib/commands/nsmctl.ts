/**
 * nsmctl: shows and controls the status monitor. It asks the daemon if one runs, and reads the
 * state directory otherwise.
 *
 * Every command is a row of {@link COMMANDS}, from which help and completion are derived.
 */

import project from "../../deno.json" with { type: "json" };
import { systemFiles } from "../config/ini_file.ts";
import { didYouMean } from "../config/nearest.ts";
import { ANSWER_TIMEOUT_MS } from "../control/client.ts";
import { HungDaemonError } from "../control/hung_daemon.ts";
import type { Invocation } from "../platform/role.ts";
import {
  type Command,
  type CommandOption,
  COMMON_OPTIONS,
  MACOS_OPTIONS,
  readArguments,
  splitAtCommand,
  Status,
  TIMEOUT_OPTION,
} from "../nsmctl/command.ts";
import { check } from "../nsmctl/check.ts";
import { completion } from "../nsmctl/completion.ts";
import { declareRebooted } from "../nsmctl/declare_rebooted.ts";
import { ctdbScript } from "../nsmctl/ctdb_script.ts";
import { doctor } from "../doctor/doctor.ts";
import { exportRecords } from "../nsmctl/export.ts";
import { events } from "../nsmctl/events.ts";
import { forget } from "../nsmctl/forget.ts";
import { identity } from "../nsmctl/identity.ts";
import { commandHelp, overview } from "../nsmctl/help.ts";
import { importRecords } from "../nsmctl/import.ts";
import { list } from "../nsmctl/list.ts";
import { MACOS_USAGE, type MacosArguments, readMacosArguments } from "../nsmctl/macos_arguments.ts";
import { clearHost, listForEver, listOnce } from "../nsmctl/macos.ts";
import { notify } from "../nsmctl/notify.ts";
import { configuredStateDirectory, type Session } from "../nsmctl/session.ts";
import { repair } from "../nsmctl/repair.ts";
import { ports } from "../nsmctl/ports.ts";
import { report } from "../nsmctl/report.ts";
import { show } from "../nsmctl/show.ts";
import { status } from "../nsmctl/status.ts";
import { ownTerminal, type Terminal } from "../nsmctl/terminal.ts";
import { testHost } from "../nsmctl/reach_host.ts";
import { top } from "../nsmctl/top.ts";
import { watch } from "../nsmctl/watch.ts";
import { reasonOf } from "../reason.ts";

/** Commands in the order of the overview; `completion` needs the list of the other commands. */
const STEERING = [
  list,
  show,
  watch,
  top,
  events,
  report,
  status,
  check,
  testHost,
  notify,
  forget,
  declareRebooted,
  identity,
  ctdbScript,
  doctor,
  ports,
  importRecords,
  exportRecords,
  repair,
];
export const COMMANDS: readonly Command[] = [...STEERING, completion(STEERING)];

/** Longest accepted timeout, in seconds. */
const TIMEOUT_MAX_S = 3_600;
const STATE_DIRECTORY = "state-directory-path";

/** Word equivalent to the option `--help`. */
const HELP = "help";

/** Options before the name of a command: the common options, and those of macOS. */
const BEFORE_COMMAND: readonly CommandOption[] = [
  ...COMMON_OPTIONS,
  ...MACOS_OPTIONS.map(({ letter, argument, help }) => ({
    letter,
    long: `macos-${letter}`,
    help,
    ...(argument === "" ? {} : { argument }),
  })),
  { letter: "d", long: "macos-d", help: "" },
];

/** Error of missing permission. */
const DENIED = /Permission denied/;
/** Error of root, which reads the files of a user as that user. */
const DENIED_TO_ROOT = /^Cannot read .*Permission denied/;
const OWNER_ADVICE =
  "it has to belong to the user of its folder: chown --reference=FOLDER FILE gives it to that user";
const NOT_CONNECTED = /^Cannot connect to /;
/** Error of a wrong directory, or of the default one missing. */
const NO_DIRECTORY = /^Cannot (?:read|repair) .* No such file or directory/;

function adviceAbout(reason: string, args: readonly string[]): string {
  if (Deno.uid() !== 0 && DENIED.test(reason)) return "; this needs root";
  if (DENIED_TO_ROOT.test(reason)) return `; ${OWNER_ADVICE}`;
  if (NOT_CONNECTED.test(reason)) return "; nsmctl doctor says more";
  if (!NO_DIRECTORY.test(reason)) return "";
  const isNamed = args.some((arg) =>
    arg.startsWith("-P") || arg.startsWith(`--${STATE_DIRECTORY}`)
  );
  return isNamed
    ? "; is that a state directory?"
    : "; -P names another state directory, and nsmctl doctor says how to make this one";
}

/** Runs one command; returns the exit status. */
export async function nsmctl(invocation: Invocation): Promise<number> {
  const terminal = ownTerminal();
  try {
    return await run(invocation, terminal);
  } catch (error) {
    const reason = reasonOf(error);
    const advice = adviceAbout(reason, invocation.args);
    terminal.complain(`${invocation.programName}: ${reason}${advice}`);
    return error instanceof HungDaemonError ? Status.SILENT : Status.PROBLEM;
  }
}

/** One run of the program: its name, and its terminal. */
type Run = Pick<Session, "programName" | "terminal">;

async function run({ programName, args }: Invocation, terminal: Terminal): Promise<number> {
  const own: Run = { programName, terminal };
  const { before, name, after } = splitAtCommand(args, BEFORE_COMMAND);
  const macos = readMacosArguments(before);
  if (macos !== undefined) return await runAsMacos(name === undefined ? macos : "wrong", own);
  const general = readArguments(before, COMMON_OPTIONS);
  if (general.has("help")) {
    terminal.print(overview(programName, COMMANDS, terminal.width));
    return Status.OK;
  }
  if (general.has("version")) return printVersion(own);
  if (general.fault !== undefined) return refuse(general.fault, own);
  if (name === undefined) return refuse("a command is missing", own);
  if (name === HELP) return help(after, own);
  const command = commandNamed(name);
  if (typeof command === "string") return refuse(command, own);
  return await runCommand(command, after, general.get(STATE_DIRECTORY), own);
}

/** Command of that name; otherwise the fault. */
function commandNamed(name: string): Command | string {
  return COMMANDS.find((command) => command.name === name) ??
    `there is no command "${name}"${didYouMean(name, COMMANDS.map(({ name }) => name))}`;
}

/** `nsmctl help [COMMAND]`, as in git(1): equivalent to the option. */
function help([name, ...more]: readonly string[], own: Run): number {
  if (more.length > 0) return refuse("there are too many operands", own);
  const { programName, terminal } = own;
  const command = name === undefined || name === HELP ? undefined : commandNamed(name);
  if (typeof command === "string") return refuse(command, own);
  terminal.print(
    command === undefined
      ? overview(programName, COMMANDS, terminal.width)
      : commandHelp(programName, command, terminal.width),
  );
  return Status.OK;
}

/** Runs a command with its arguments; `directory` is the one given before the command, if any. */
async function runCommand(
  command: Command,
  args: readonly string[],
  directory: string | undefined,
  own: Run,
): Promise<number> {
  const given = readArguments(args, optionsOf(command));
  if (given.has("help")) {
    own.terminal.print(commandHelp(own.programName, command, own.terminal.width));
    return Status.OK;
  }
  if (given.has("version")) return printVersion(own);
  if (given.fault !== undefined) return refuse(given.fault, own, command);
  const { length } = given.operands;
  if (length < command.operandsMin) return refuse("an operand is missing", own, command);
  if (length > command.operandsMax) return refuse("there are too many operands", own, command);
  const timeoutMs = timeoutOf(
    command.options.includes(TIMEOUT_OPTION) ? given.get(TIMEOUT_OPTION.long) : undefined,
  );
  if (timeoutMs === undefined) {
    return refuse(`a timeout is above 0 and at most ${TIMEOUT_MAX_S} seconds`, own, command);
  }
  const session = sessionOf(given.get(STATE_DIRECTORY) ?? directory, own, timeoutMs);
  return await command.run(given, session);
}

/** Runs the action of macOS' options. */
async function runAsMacos(macos: MacosArguments | "wrong", own: Run): Promise<number> {
  if (macos === "wrong") {
    own.terminal.complain(MACOS_USAGE);
    return Status.PROBLEM;
  }
  const { mode, directory } = macos;
  const session = sessionOf(directory, own, ANSWER_TIMEOUT_MS);
  if (mode.kind === "clear") return await clearHost(session, mode.host);
  return mode.kind === "watch" ? await listForEver(session) : listOnce(session);
}

function sessionOf(directory: string | undefined, own: Run, timeoutMs: number): Session {
  return {
    ...own,
    timeoutMs,
    isDefaultDirectory: directory === undefined,
    stateDirectoryPath: directory ?? configuredStateDirectory(Deno.env, systemFiles),
    now: Date.now,
  };
}

/** Reports a wrong command line; returns the exit status. */
function refuse(fault: string, { programName, terminal }: Run, command?: Command): number {
  const hint = `${programName}${command === undefined ? "" : ` ${command.name}`} --help`;
  terminal.complain(`${programName}: ${fault}\nTry: ${hint}`);
  return Status.USAGE;
}

function printVersion({ programName, terminal }: Run): number {
  terminal.print(`${programName} version ${project.version}\n`);
  return Status.OK;
}

/** Parses {@link TIMEOUT_OPTION}, in ms; undefined if invalid. */
function timeoutOf(seconds: string | undefined): number | undefined {
  if (seconds === undefined) return ANSWER_TIMEOUT_MS;
  const value = Number(seconds);
  return value > 0 && value <= TIMEOUT_MAX_S ? value * 1000 : undefined;
}

/** All options of a command. */
export function optionsOf({ options }: Command): readonly CommandOption[] {
  return [...options, ...COMMON_OPTIONS];
}
