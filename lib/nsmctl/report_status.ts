/** Daemon status for reports that also work without a daemon. */

import { reachDaemon } from "../control/client.ts";
import type { StatusReport } from "../control/status_report.ts";
import { reasonOf } from "../reason.ts";
import type { Session } from "./session.ts";

/** Status report, or the reason why there is none. */
export interface StatusFacts {
  readonly status?: StatusReport;
  readonly statusFault?: string;
}

/** Asks the daemon of the state directory. Never rejects. */
export async function readStatus(
  { stateDirectoryPath, timeoutMs }: Pick<Session, "stateDirectoryPath" | "timeoutMs">,
): Promise<StatusFacts> {
  try {
    const reached = await reachDaemon(stateDirectoryPath, timeoutMs);
    if (reached.outcome === "absent") return { statusFault: "no daemon serves this directory" };
    if (reached.outcome === "failed") return { statusFault: reached.reason };
    using daemon = reached.daemon;
    const { status } = await daemon.ask({ command: "status", look: true });
    return status === undefined ? { statusFault: "it has another version" } : { status };
  } catch (error) {
    return { statusFault: reasonOf(error) };
  }
}
