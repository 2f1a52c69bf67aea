/** Sections `[identity "ID"]` of nfs.conf, which nfs-utils ignores. */

import { type Environment, lookUp, readNfsConf } from "./ini_file.ts";
import type { ReadFiles } from "./read_files.ts";

/** Setting as written, and its place as `FILE:LINE`. */
export interface WrittenSetting {
  readonly value: string;
  readonly source: string;
}

/** Settings of the sections, by id and key. */
export function identitySections(
  env: Environment,
  files: ReadFiles,
): Map<string, Map<string, WrittenSetting>> {
  const conf = readNfsConf(files);
  const found = new Map<string, Map<string, WrittenSetting>>();
  for (const { section, arg, key } of conf.assignments) {
    if (section !== "identity" || arg === undefined) continue;
    const last = lookUp(
      conf,
      env,
      (at) => at.section === section && at.arg === arg && at.key === key,
    );
    const settings = found.get(arg) ?? new Map<string, WrittenSetting>();
    if (last !== undefined) settings.set(key, last);
    found.set(arg, settings);
  }
  return found;
}
