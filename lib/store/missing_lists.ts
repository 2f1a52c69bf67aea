/**
 * Creation of missing `sm` and `sm.bak`. Without them no peer can have been monitored, so creating
 * them loses nothing.
 */

import { isMissing } from "../platform/small_files.ts";
import { asOwner } from "../platform/as_owner.ts";
import { ownerOf } from "../platform/privileges.ts";
import { StoreError } from "../nsm/ports.ts";
import type { Layout } from "./layout.ts";

/** Mode, as in nfs-utils' packages: names of peers and the kernel's cookies are private. */
const LIST_MODE = 0o700;
const ROOT = 0;

/**
 * Creates the missing directories, and returns their paths. Their owner is that of the state
 * directory or, if that is root, that of the other list.
 *
 * @throws {StoreError} When one cannot be created.
 */
export function makeMissingLists({ directory, monitorList, notifyList }: Layout): string[] {
  const lists = [monitorList, notifyList];
  const missing = lists.filter((path) => isMissing(path));
  const there = lists.find((path) => !missing.includes(path));
  for (const path of missing) {
    try {
      asOwner(directory, () => Deno.mkdirSync(path, { mode: LIST_MODE }));
      // Only root can have replaced it meanwhile.
      if (there === undefined || Deno.uid() !== ROOT || ownerOf(directory).uid !== ROOT) continue;
      const { uid, gid } = ownerOf(there);
      Deno.chownSync(path, uid, gid);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw new StoreError("make", path, error);
    }
  }
  return missing;
}
