/** Checks of the daemon's list against the records on disk. */

import type { ListEntry } from "../control/protocol.ts";
import { nameKey } from "../nsm/host_name.ts";
import type { ReadFile } from "../nsmctl/state_directory.ts";
import { shown } from "../nsmctl/text.ts";
import { lockOfLife, RUN_FOLDER } from "../platform/run_once.ts";
import { plural } from "../quote.ts";
import { type Check, type Checked, type Examiner, someOf } from "./examiner.ts";
import { finding } from "./finding.ts";

export const LIST_CHECKS: readonly Check[] = [
  { about: "what statd monitors is on disk", run: checkMissing },
  { about: "statd knows what is on disk", run: checkUnknown },
];

/** Names in a list of registrations without a file. */
function missingFrom(
  files: readonly ReadFile[],
  entries: readonly ListEntry[],
): ReadonlySet<string> {
  const onDisk = new Set(
    files.flatMap(({ name, records }) =>
      [name, ...records.map(({ record }) => record.monName)].map(nameKey)
    ),
  );
  return new Set(entries.map(([name]) => name).filter((name) => !onDisk.has(nameKey(name))));
}

/** Names of files that a list of registrations lacks. */
function unknownTo(
  entries: readonly ListEntry[],
  files: readonly ReadFile[],
): ReadonlySet<string> {
  const known = new Set(entries.map(([name]) => nameKey(name)));
  return new Set(
    files.flatMap(({ records }) => records.map(({ record }) => record.monName))
      .filter((name) => !known.has(nameKey(name))),
  );
}

/**
 * Names found on one side only in two comparisons. A single comparison also finds peers registered
 * or removed between the question to the daemon and the reading of the file.
 */
async function twice(
  examiner: Examiner,
  entries: readonly ListEntry[],
  difference: (
    entries: readonly ListEntry[],
    files: readonly ReadFile[],
  ) => ReadonlySet<string>,
): Promise<string[]> {
  const once = difference(entries, examiner.files().monitored);
  if (once.size === 0) return [];
  const again = await examiner.askAgain();
  if (again.outcome !== "answered") return [];
  return [...difference(again.entries, examiner.reader.monitorList()).intersection(once)];
}

/** Records that the daemon believes to be on disk, as {@link keepRecords} does. */
async function checkMissing(examiner: Examiner): Promise<Checked> {
  const { daemon, remedies, layout } = examiner;
  if (!examiner.isRoot) return { skipped: "needs root" };
  if (daemon.outcome !== "answered") return { skipped: "no daemon has answered" };
  const { report, entries } = daemon;
  const lock = lockOfLife(RUN_FOLDER, "").look();
  // Records loaded before peers were told of the boot were moved legitimately.
  const keepsLoaded = lock.kind === "taken" &&
    (lock.since?.getTime() ?? 0) <= Date.parse(report.startedAt);
  const isKept = ([, , , , , since]: ListEntry) => since !== 0 || keepsLoaded;
  const missing = await twice(
    examiner,
    entries,
    (entries, files) => missingFrom(files, entries.filter(isKept)),
  );
  if (missing.length === 0) return [];
  return [finding("records-missing", {
    what: "Peers are monitored in memory only; a restart would forget them.",
    evidence: `${plural(missing.length, "peer")} not in ${layout.monitorList}: ` +
      someOf(missing.map(shown)),
    fix: "statd writes them again when told to reload; do not restart it before that",
    commands: remedies.reloadStatd(report.pid),
  })];
}

/** Records put there from outside, as from a backup: statd reads them only at start. */
async function checkUnknown(examiner: Examiner): Promise<Checked> {
  const { daemon, remedies, layout } = examiner;
  if (!examiner.isRoot) return { skipped: "needs root" };
  if (daemon.outcome !== "answered") return { skipped: "no daemon has answered" };
  const unknown = await twice(examiner, daemon.entries, unknownTo);
  if (unknown.length === 0) return [];
  return [finding("records-unknown", {
    what: "There are records that the status monitor does not know and did not write.",
    evidence: `in ${layout.monitorList}: ${someOf(unknown.map(shown))}`,
    fix: "if they are to be monitored, restart statd, which reads them; otherwise remove them",
    commands: remedies.restartStatd(daemon.report.pid),
  })];
}
