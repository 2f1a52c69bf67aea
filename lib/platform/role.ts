/**
 * Which of the programs this is: one executable plays all of them, by the name it is called by.
 *
 * A first argument `--role=NAME` comes before the name. It is for development, where the executable is
 * deno, and for starting the program again where no link with the right name is to be had.
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
  /** Last part of the name it was called by, for messages and the system log. */
  readonly programName: string;
  /** The name it was called by, which may be a path. */
  readonly calledAs: string;
  readonly args: readonly string[];
}

/** The name that a role is installed under. */
export function programNameOf(role: Role): string {
  return PROGRAM_NAMES[role];
}

/** The argument that makes any call of the executable play a role. */
export function roleArgument(role: Role): string {
  return ROLE_ARGUMENT + role;
}

/**
 * Finds the role. A name that is not one of ours, as after `cp rpc.statd my-statd`, means statd.
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
    .find((role) => PROGRAM_NAMES[role] === programName) ?? "statd";
  return { role, programName, calledAs, args };
}

/** Reads the invocation of this process; rpc.statd when run from source without an argument. */
export function readInvocation(): Invocation {
  const [argv0 = ""] = commandLine();
  return parseInvocation(Deno.build.standalone ? argv0 : PROGRAM_NAMES.statd, Deno.args);
}

/** The name that this process was called by, and its arguments, as the kernel has them. */
export function commandLine(): string[] {
  return Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
}
