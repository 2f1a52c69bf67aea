/**
 * Whether anything on this host needs a status monitor: records, mounts or exports of NFS version 2
 * or 3. A host with version 4 alone runs none, and nothing is wrong with that.
 *
 * Source: proc_mounts(5) with the options of nfs(5); nfsd(7), /proc/fs/nfsd/versions.
 */

import { readableText } from "../platform/small_files.ts";
import type { Examiner } from "./examiner.ts";

const MOUNTS = "/proc/self/mounts";
const VERSIONS = "/proc/fs/nfsd/versions";

export const NOT_NEEDED = {
  skipped: "no daemon runs, and nothing here uses NFS version 2 or 3",
} as const;

/** Whether a daemon is needed on this host. */
export function isNeeded({ daemon, files }: Examiner): boolean {
  if (daemon.outcome !== "absent") return true;
  try {
    const { monitored, toBeNotified } = files();
    if (monitored.length + toBeNotified.length > 0) return true;
  } catch {
    return true; // there are records, which cannot be read
  }
  const mountTable = readableText(MOUNTS);
  if (mountTable === undefined) return true; // without /proc, mounts are unknown
  const mounts = mountTable.split("\n").map((line) => line.split(" "));
  const isMounted = mounts.some(([, , type, options]) =>
    type === "nfs" && !/(?:^|,)(?:vers=4|nolock)/.test(options ?? "")
  );
  return isMounted || /\+[23]\b/.test(readableText(VERSIONS) ?? "");
}
