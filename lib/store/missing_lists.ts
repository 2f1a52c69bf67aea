/**
 * Making `sm` and `sm.bak` where they are missing: then nobody can have been monitored, and nobody is
 * kept from being monitored.
 */

import { asOwner } from "../platform/as_owner.ts";
import { ownerOf } from "../platform/privileges.ts";
import { StoreError } from "../nsm/ports.ts";
import type { Layout } from "./layout.ts";

/** As nfs-utils' packages have it: names of peers and the kernel's cookies are nobody's business. */
const LIST_MODE = 0o700;
const ROOT = 0;

/**
 * Makes the missing ones of both directories, and returns their paths. They belong to whom the state
 * directory belongs; where that is root, to whom the other list belongs.
 *
 * @throws {StoreError} When one cannot be made.
 */
export function makeMissingLists({ directory, monitorList, notifyList }: Layout): string[] {
  const lists = [monitorList, notifyList];
  const missing = lists.filter((path) => isMissing(path));
  const there = lists.find((path) => !missing.includes(path));
  for (const path of missing) {
    try {
      asOwner(directory, () => Deno.mkdirSync(path, { mode: LIST_MODE }));
      // Only root can have put something else in its place meanwhile.
      if (there === undefined || Deno.uid() !== ROOT || ownerOf(directory).uid !== ROOT) continue;
      const { uid, gid } = ownerOf(there);
      Deno.chownSync(path, uid, gid);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw new StoreError("make", path, error);
    }
  }
  return missing;
}

function isMissing(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound; // whoever uses it learns of any other error
  }
}
