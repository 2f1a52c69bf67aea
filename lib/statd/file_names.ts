/** The names in a directory of records. */

import { nameKey } from "../nsm/host_name.ts";

/** The names in a directory, in the form in which peers are compared; none if it cannot be read. */
export function fileNames(directory: string): Set<string> {
  try {
    return new Set([...Deno.readDirSync(directory)].map(({ name }) => nameKey(name)));
  } catch {
    return new Set(); // sm-notify will say what is wrong with it
  }
}
