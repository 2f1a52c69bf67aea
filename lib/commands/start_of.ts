/** Start of a program, as the loaders of settings need it. */

import { systemFiles } from "../config/ini_file.ts";
import type { Start } from "../config/load.ts";
import type { Invocation } from "../platform/role.ts";
import { terminalColumns } from "../platform/standard_streams.ts";

/** Start of this process. */
export function startOf({ programName, args }: Invocation): Start {
  return { programName, args, env: Deno.env, files: systemFiles, width: terminalColumns() };
}
