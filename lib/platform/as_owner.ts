/**
 * Doing a part of the work as the owner of a directory: what is made there belongs to the owner, and
 * links that the owner has put there lead no further than the owner may go (CVE-2019-3689).
 *
 * Source: setresuid(2), credentials(7).
 */

import { checked, libc } from "./libc.ts";
import { ownerOf } from "./privileges.ts";

/** Leaves an id as it is. */
const UNCHANGED = 0xffffffff;
const ROOT = 0;

/**
 * Runs a synchronous action with the effective ids of the owner of `directory`; as it is, if this
 * process is not root.
 */
export function asOwner<T>(directory: string, action: () => T): T {
  const { uid, gid } = ownerOf(directory);
  if (Deno.uid() !== ROOT || uid === ROOT) return action();
  const ownGid = Deno.gid() ?? ROOT;
  setEffective(UNCHANGED, gid);
  try {
    setEffective(uid, UNCHANGED);
    return action();
  } finally {
    setEffective(ROOT, UNCHANGED);
    setEffective(UNCHANGED, ownGid);
  }
}

function setEffective(uid: number, gid: number): void {
  if (gid !== UNCHANGED) checked("setresgid", libc().setresgid(UNCHANGED, gid, UNCHANGED));
  if (uid !== UNCHANGED) checked("setresuid", libc().setresuid(UNCHANGED, uid, UNCHANGED));
}
