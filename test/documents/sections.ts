/** Settings in the order of nfs.conf: by section, each once, with the programs that read it. */

import {
  type FileKey,
  RPCBIND,
  type Setting,
  SM_NOTIFY,
  STATD,
  type Table,
} from "../../lib/config/settings.ts";

/** Programs with settings. */
export type ProgramName = "rpc.statd" | "sm-notify" | "rpcbind";

/** Table of each program. */
export const TABLES: Readonly<Record<ProgramName, Table>> = {
  "rpc.statd": STATD,
  "sm-notify": SM_NOTIFY,
  "rpcbind": RPCBIND,
};

/** Setting with a key in nfs.conf. */
export interface FileSetting {
  readonly file: FileKey;
  readonly row: Setting<unknown>;
  readonly programs: readonly ProgramName[];
}

/** Sections in the order of the tables, and the settings of each. */
export function settingsBySection(): ReadonlyMap<FileKey["section"], readonly FileSetting[]> {
  const sections = new Map<FileKey["section"], FileSetting[]>();
  for (const program of Object.keys(TABLES) as ProgramName[]) {
    for (const row of Object.values(TABLES[program])) {
      const { file } = row;
      if (file === undefined) continue;
      const settings = sections.get(file.section) ?? [];
      sections.set(file.section, settings);
      const at = settings.findIndex((setting) => setting.file.key === file.key);
      if (at < 0) settings.push({ file, row, programs: [program] });
      else settings[at] = { file, row, programs: [...settings[at]!.programs, program] };
    }
  }
  return sections;
}
