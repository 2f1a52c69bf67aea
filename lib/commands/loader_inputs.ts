/** Inputs of the loaders of settings, from this process. */

import { systemFiles } from "../config/ini_file.ts";
import type { LoaderInputs } from "../config/load.ts";
import type { Invocation } from "../platform/role.ts";
import { terminalColumns } from "../platform/standard_streams.ts";

/** Command line, environment, files and terminal width of this process. */
export function loaderInputs({ programName, args }: Invocation): LoaderInputs {
  return { programName, args, env: Deno.env, files: systemFiles, width: terminalColumns() };
}
