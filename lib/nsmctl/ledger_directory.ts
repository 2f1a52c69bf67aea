/** Ledger directory of an identity, as root prepares it for the daemon. */

import type { Definition } from "../cluster/definition.ts";
import { RefusedError } from "../cluster/refusals.ts";
import type { Daemon } from "../control/client.ts";
import { visiblePid } from "../control/unseen_daemon.ts";
import { type ForeignView, foreignView } from "../platform/foreign_view.ts";
import { mountOf } from "../platform/proc.ts";
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

/**
 * Refusal of the daemon for its ledger directory, with the cause if its mounts differ from those of
 * nsmctl.
 */
export async function withView(
  refusal: RefusedError,
  { ledger }: Definition,
  daemon: Daemon,
): Promise<RefusedError> {
  if (refusal.code !== "unreachable" || ledger.kind !== "directory") return refusal;
  const { status } = await daemon.ask({ command: "status" });
  const pid = status === undefined ? undefined : visiblePid(status.pid);
  const path = await Deno.realPath(ledger.path);
  const advice = pid === undefined ? undefined : ledgerAdvice(foreignView(pid, path), path);
  if (advice === undefined) return refusal;
  return new RefusedError(refusal.code, `${refusal.message}: ${advice}`);
}

/** Remedy where rpc.statd cannot use a directory that nsmctl can. */
export function ledgerAdvice(view: ForeignView | undefined, directory: string): string | undefined {
  switch (view) {
    case "read-only":
      return "it is read-only for rpc.statd alone: under systemd, systemctl edit rpc-statd, [Service], " +
        `ReadWritePaths=-${
          mountOf(directory)?.point ?? directory
        }, then systemctl restart rpc-statd; ` +
        "in a container, a writable volume";
    case "other":
      return "rpc.statd has mounts of its own, and does not see this directory: restart it; under " +
        "systemd, mount --make-rshared / before, and no ledger below /home, /root or /tmp; in a " +
        "container, a volume";
    case "same":
    case undefined:
      return undefined;
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
