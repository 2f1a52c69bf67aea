/** Ledger directory of an identity, as root prepares it for the daemon. */

import type { Definition } from "../cluster/definition.ts";
import { RefusedError } from "../cluster/refusals.ts";
import { ownerOf } from "../platform/privileges.ts";
import { reasonOf } from "../reason.ts";
import { layoutOf } from "../store/layout.ts";
import type { Session } from "./session.ts";

/**
 * Prepares a ledger directory. An empty one is given to the daemon's user, who has to write to it. It
 * is never created: if its file system is not mounted, it is missing. Records of nfs-utils in it are
 * reported, since no ledger has them.
 *
 * @throws {RefusedError} When there is no such directory.
 */
export async function prepareLedger(
  { ledger }: Definition,
  { stateDirectoryPath, terminal, programName }: Session,
): Promise<void> {
  if (ledger.kind !== "directory") return;
  const directory = ledger.path;
  try {
    const { uid, isDirectory } = await Deno.lstat(directory);
    if (!isDirectory) throw new Error("it is not a directory");
    if (await hasOtherRecords(directory)) {
      terminal.complain(
        `${programName}: ${directory} has records of nfs-utils, which are not in the ledger: ` +
          "no node will tell these clients",
      );
    }
    const owner = ownerOf(layoutOf(stateDirectoryPath).monitorList);
    if (Deno.uid() !== 0 || uid === owner.uid) return;
    for await (const _ of Deno.readDir(directory)) return;
    await Deno.chown(directory, owner.uid, owner.gid);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "it does not exist: is its file system mounted? Make it once, below the mount point"
      : reasonOf(error);
    throw new RefusedError("unreachable", `The ledger ${directory}: ${reason}`);
  }
}

/** Whether nfs-utils has, or had, its monitor list or notify list in a directory. */
async function hasOtherRecords(directory: string): Promise<boolean> {
  const { monitorList, notifyList } = layoutOf(directory);
  for (const list of [monitorList, notifyList]) {
    try {
      for await (const { name, isFile } of Deno.readDir(list)) {
        if (isFile && !name.startsWith(".")) return true;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return false;
}
