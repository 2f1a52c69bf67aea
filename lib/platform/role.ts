/**
 * Role of this process: one executable contains all programs, selected by argv[0].
 *
 * A first argument `--role=NAME` overrides the name. It is for development, where the executable is
 * deno, and for starting the program again without a link of the right name.
 */

/** Roles of the executable. */
export type Role = "statd" | "sm-notify" | "nsmctl" | "start-statd" | "rpcbind";

const PROGRAM_NAMES: Readonly<Record<Role, string>> = {
  "statd": "rpc.statd",
  "sm-notify": "sm-notify",
  "nsmctl": "nsmctl",
  "start-statd": "start-statd",
  "rpcbind": "rpcbind",
};

const ROLE_ARGUMENT = "--role=";

/** Role, name and arguments of this process. */
export interface Invocation {
  readonly role: Role;
  /** Last part of argv[0], for messages and the system log. */
  readonly programName: string;
  /** argv[0], which may be a path. */
  readonly calledAs: string;
  readonly args: readonly string[];
}

/** Name that a role is installed under. */
export function programNameOf(role: Role): string {
  return PROGRAM_NAMES[role];
}

/** Argument that selects a role. */
export function roleArgument(role: Role): string {
  return ROLE_ARGUMENT + role;
}

/**
 * Whether a name is that of a program. A suffix behind a mark leaves it so, as of copies that packages and
 * people make (`sm-notify.dpkg-new`, `nsmctl-0.2`), and so does the dash of login(1) in front.
 */
function isNamed(name: string, program: string): boolean {
  const bare = name.startsWith("-") ? name.slice(1) : name;
  return bare.startsWith(program) && /^(?:\W|$)/.test(bare.slice(program.length));
}

/**
 * Determines the role. An unknown name, as after `cp rpc.statd my-statd`, means statd.
 *
 * @throws {RangeError} When the argument names no role.
 */
export function parseInvocation(calledAs: string, args: readonly string[]): Invocation {
  const [first] = args;
  if (first?.startsWith(ROLE_ARGUMENT)) {
    const name = first.slice(ROLE_ARGUMENT.length);
    if (!Object.hasOwn(PROGRAM_NAMES, name)) throw new RangeError(`There is no role "${name}"`);
    const role = name as Role;
    return { role, programName: PROGRAM_NAMES[role], calledAs, args: args.slice(1) };
  }
  const programName = calledAs.slice(calledAs.lastIndexOf("/") + 1);
  const role = (Object.keys(PROGRAM_NAMES) as Role[])
    .find((role) => isNamed(programName, PROGRAM_NAMES[role])) ?? "statd";
  return { role, programName, calledAs, args };
}

/**
 * Invocation of this process; rpc.statd when run from source without a role argument. An empty argv[0]
 * (execve(2) without arguments) stands for the executable's own name.
 */
export function readInvocation(): Invocation {
  const [argv0 = ""] = commandLine();
  const calledAs = argv0.endsWith("/") || argv0 === "" ? Deno.execPath() : argv0;
  return parseInvocation(Deno.build.standalone ? calledAs : PROGRAM_NAMES.statd, Deno.args);
}

/** Command line of this process from the kernel, with argv[0]. */
export function commandLine(): string[] {
  return Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
}
