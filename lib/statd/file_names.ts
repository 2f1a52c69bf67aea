import { nameKey } from "../nsm/host_name.ts";

/** Comparison keys of the file names in a directory; empty if it cannot be read. */
export function fileNames(directory: string): Set<string> {
  try {
    return new Set([...Deno.readDirSync(directory)].map(({ name }) => nameKey(name)));
  } catch {
    return new Set(); // sm-notify reports the reason
  }
}
