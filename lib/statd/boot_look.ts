/**
 * Check for records older than the boot without a run of sm-notify since: the peers may hold locks
 * that no longer exist here, and do not know that.
 */

import { DT_REGULAR, DT_UNKNOWN } from "../platform/regular_file.ts";
import { backgroundFiles } from "../platform/background_files.ts";
import { isLockThere } from "../platform/run_once.ts";
import { layoutOf } from "../store/layout.ts";
import { NotifyRun } from "../store/notify_run.ts";
import type { Log } from "../log.ts";

/** Limit of records whose times are read: at a boot without sm-notify nearly all are older. */
const LOOKED_AT_MAX = 100;

export interface BootLookParts {
  readonly stateDirectoryPath: string;
  readonly bootId: string | undefined;
  /** Time of the boot, in ms since 1970; undefined if unknown. */
  readonly bootedAt: number | undefined;
  readonly log: Log;
}

/**
 * Whether a peer was not notified of this boot, and no sm-notify has run in it. Rejects if that
 * cannot be determined.
 */
export async function isBootUntold(
  { stateDirectoryPath, bootId, bootedAt, log }: BootLookParts,
): Promise<boolean> {
  if (bootedAt === undefined || bootedAt > Date.now() || await isLockThere()) return false;
  const { monitorList } = layoutOf(stateDirectoryPath);
  const entries = await backgroundFiles.entries(monitorList);
  const names = entries.filter(({ name, type }) =>
    !name.startsWith(".") && (type === DT_REGULAR || type === DT_UNKNOWN)
  ).slice(0, LOOKED_AT_MAX);
  for (const { name } of names) {
    const { isFile, mtime } = await Deno.lstat(`${monitorList}/${name}`);
    if (!isFile || mtime === null || mtime.getTime() >= bootedAt) continue;
    const run = new NotifyRun(stateDirectoryPath, bootId ?? "", log);
    return run.marked === undefined && !run.isGoingOn;
  }
  return false;
}
