/**
 * Command that starts this program again, in any role. Deno names a process by the path that it
 * starts. So a link with the right name is used if found, and a role argument otherwise.
 */

import { DELETED } from "./processes.ts";
import { isSteering } from "./environment.ts";
import { parseInvocation, programNameOf, type Role, roleArgument } from "./role.ts";

/** Arguments for `new Deno.Command`. */
export interface SelfCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Complete environment: ours, without variables that steer Deno or the dynamic linker. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * `calledAs` is argv[0] of this process, `environment` its environment at start.
 *
 * @throws {Error} When the executable was replaced or removed.
 */
export function selfCommand(
  role: Role,
  args: readonly string[],
  calledAs: string,
  environment: Readonly<Record<string, string>> = Deno.env.toObject(),
): SelfCommand {
  const env = { ...environment };
  const executable = Deno.execPath();
  if (!Deno.build.standalone) { // development: `deno run main.ts`
    const run = ["run", "-A", "--quiet", Deno.mainModule, roleArgument(role), ...args];
    return { program: executable, args: run, env };
  }
  if (executable.endsWith(DELETED)) {
    const path = executable.slice(0, -DELETED.length);
    throw new Error(`Cannot start "${path}" again: the file was replaced since; start the new one`);
  }
  for (const name of Object.keys(env)) if (isSteering(name)) delete env[name];
  const link = linkOf(role, calledAs, executable, env["PATH"] ?? "");
  return link === undefined
    ? { program: executable, args: [roleArgument(role), ...args], env }
    : { program: link, args, env };
}

/**
 * Absolute path at which the executable has the role's name, beside the path it was called by: a
 * link to it, or a copy, which some tools need to identify a process by its file.
 */
function linkOf(role: Role, calledAs: string, executable: string, path: string) {
  const slash = calledAs.lastIndexOf("/") + 1;
  const isSameRole = parseInvocation(calledAs, []).role === role;
  const name = isSameRole ? calledAs.slice(slash) : programNameOf(role);
  const folders = slash > 0 ? [calledAs.slice(0, slash)] : path.split(":").map((f) => `${f}/`);
  for (const folder of folders) {
    try {
      const found = Deno.realPathSync(folder + name);
      if (found !== executable && !isCopy(found, executable)) continue;
    } catch {
      continue; // not in this directory
    }
    return folder.startsWith("/") ? folder + name : `${Deno.cwd()}/${folder}${name}`;
  }
  return undefined;
}

/** Bytes compared at the end of executables: they belong to the program, and differ between versions. */
const COMPARED_BYTES = 65_536;

/** Whether one executable is a copy of the other, by size and last bytes. */
function isCopy(one: string, other: string): boolean {
  using a = Deno.openSync(one);
  using b = Deno.openSync(other);
  const { size } = a.statSync();
  if (size !== b.statSync().size) return false;
  const [endOfA, endOfB] = [endOf(a), endOf(b)];
  return endOfA.every((byte, at) => byte === endOfB[at]);
}

function endOf(file: Deno.FsFile): Uint8Array {
  const { size } = file.statSync();
  file.seekSync(Math.max(0, size - COMPARED_BYTES), Deno.SeekMode.Start);
  const bytes = new Uint8Array(Math.min(size, COMPARED_BYTES));
  for (let at = 0; at < bytes.length;) {
    const length = file.readSync(bytes.subarray(at));
    if (length === null) break;
    at += length;
  }
  return bytes;
}
