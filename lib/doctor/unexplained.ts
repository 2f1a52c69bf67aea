/** Finding of last resort: the daemon's own words about a failure that no check explains. */

import type { DaemonAnswer, Examined } from "./examiner.ts";
import { finding } from "./finding.ts";

/** Adds a finding if the daemon has failed and no check has a finding. */
export function unexplained(examined: readonly Examined[], daemon: DaemonAnswer): Examined[] {
  const isExplained = examined.some(({ findings }) => findings.length > 0);
  if (daemon.outcome !== "answered" || daemon.report.health !== "failed" || isExplained) return [];
  const { pid, faults } = daemon.report;
  const failed = finding("statd-failed", {
    what: "The status monitor says that it has failed, and no check explains why.",
    evidence: faults.join("; "),
    fix: `see what is named; the log of process ${pid} says more`,
  });
  return [{ about: "statd has not failed", findings: [failed] }];
}
