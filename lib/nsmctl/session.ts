/**
 * Session of an nsmctl command: the state directory, the output, and the user. nfs.conf is read
 * without validation, which is up to the command.
 */

import { type Environment, lookUp, readNfsConf } from "../config/ini_file.ts";
import { isAbout } from "../config/merge.ts";
import type { ReadFiles } from "../config/read_files.ts";
import { DEFAULT_STATE_DIRECTORY, STATD } from "../config/settings.ts";
import type { Terminal } from "./terminal.ts";
import { shown } from "./text.ts";
import { userName } from "../platform/users.ts";

export interface Session {
  readonly programName: string;
  readonly stateDirectoryPath: string;
  /** Whether it is nfs.conf's, not given by -P. */
  readonly isDefaultDirectory: boolean;
  readonly terminal: Terminal;
  /** Timeout of the daemon's answers, in ms. */
  readonly timeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** User of this process, and the sudo user. Trustworthy, since only root and the owner can connect. */
export function ownUser(): string {
  const uid = `uid ${Deno.uid()}`;
  const user = Deno.env.get("SUDO_USER");
  return user === undefined || user === "" ? uid : `${uid}, ${user} by sudo`;
}

/** User id with its name from /etc/passwd. */
export function userText(uid: number): string {
  const name = userName(uid);
  return name === undefined ? String(uid) : `${uid} (${shown(name)})`;
}

/** State directory of statd, unless its command line overrides it. */
export function configuredStateDirectory(env: Environment, files: ReadFiles): string {
  const { file } = STATD.stateDirectoryPath;
  const found = lookUp(readNfsConf(files), env, (assignment) => isAbout(assignment, file!));
  return found?.value ?? DEFAULT_STATE_DIRECTORY;
}
