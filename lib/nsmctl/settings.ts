/** What nsmctl takes from nfs.conf, without demanding that it be usable: finding out is its business. */

import { type Environment, lookUp, readNfsConf } from "../config/ini_file.ts";
import { isAbout } from "../config/merge.ts";
import type { ReadFiles } from "../config/read_files.ts";
import { DEFAULT_STATE_DIRECTORY, STATD } from "../config/settings.ts";

/** The state directory that statd uses unless its command line says otherwise. */
export function configuredStateDirectory(env: Environment, files: ReadFiles): string {
  const { file } = STATD.stateDirectoryPath;
  const found = lookUp(readNfsConf(files), env, (assignment) => isAbout(assignment, file!));
  return found?.value ?? DEFAULT_STATE_DIRECTORY;
}
