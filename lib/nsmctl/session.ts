/**
 * Session of a command of nsmctl: the state directory, where output goes, and who is at the keyboard. What
 * nfs.conf says is taken without a demand that it be usable: to find out is a command's business.
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
  /** Whether it is the one of nfs.conf, and not named by -P. */
  readonly isDefaultDirectory: boolean;
  readonly terminal: Terminal;
  /** How long the daemon may be silent, in ms. */
  readonly timeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The user that runs this, and who became it by sudo. Only root and the owner can say anything. */
export function ownUser(): string {
  const uid = `uid ${Deno.uid()}`;
  const user = Deno.env.get("SUDO_USER");
  return user === undefined || user === "" ? uid : `${uid}, ${user} by sudo`;
}

/** A user id, with the name that /etc/passwd has for it. */
export function userText(uid: number): string {
  const name = userName(uid);
  return name === undefined ? String(uid) : `${uid} (${shown(name)})`;
}

/** The state directory that statd uses unless its command line says otherwise. */
export function configuredStateDirectory(env: Environment, files: ReadFiles): string {
  const { file } = STATD.stateDirectoryPath;
  const found = lookUp(readNfsConf(files), env, (assignment) => isAbout(assignment, file!));
  return found?.value ?? DEFAULT_STATE_DIRECTORY;
}
