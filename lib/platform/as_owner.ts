/**
 * Acting as the owner of a directory: files created there belong to the owner, and the owner's
 * symbolic links lead only where the owner may go (CVE-2019-3689).
 *
 * Source: setresuid(2), setgroups(2), credentials(7).
 */

import { setGroupIds, setGroups, setUserIds, UNCHANGED } from "./credentials.ts";
import { checked, libc } from "./libc.ts";
import { ownerOf } from "./privileges.ts";

const ROOT = 0;

/** Set during {@link asOwner}: nested calls keep the outer identity. */
let isOwner = false;

/**
 * Runs a synchronous action with the effective ids of the owner of `directory`, and without
 * supplementary groups. A process that is not root runs it unchanged.
 */
export function asOwner<T>(directory: string, action: () => T): T {
  if (Deno.uid() !== ROOT || isOwner) return action();
  const { uid, gid } = ownerOf(directory);
  if (uid === ROOT) return action();
  const ownGid = Deno.gid() ?? ROOT;
  const ownGroups = supplementaryGroups();
  if (ownGroups.length > 0) setGroups([]);
  try {
    setEffective(UNCHANGED, gid);
    setEffective(uid, UNCHANGED);
    isOwner = true;
    return action();
  } finally {
    isOwner = false;
    setEffective(ROOT, UNCHANGED);
    setEffective(UNCHANGED, ownGid);
    if (ownGroups.length > 0) setGroups(ownGroups);
  }
}

/** Whether root is acting as another user, in {@link asOwner}. */
export function isActingAsOwner(): boolean {
  return isOwner;
}

export function supplementaryGroups(): number[] {
  const count = checked("getgroups", libc().getgroups(0, new Uint8Array(4)));
  const groups = new Uint32Array(Math.max(1, count));
  const filled = checked("getgroups", libc().getgroups(count, new Uint8Array(groups.buffer)));
  return [...groups.subarray(0, filled)];
}

function setEffective(uid: number, gid: number): void {
  if (gid !== UNCHANGED) setGroupIds(UNCHANGED, gid, UNCHANGED);
  if (uid !== UNCHANGED) setUserIds(UNCHANGED, uid, UNCHANGED);
}
