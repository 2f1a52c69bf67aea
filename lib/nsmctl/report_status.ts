/** What the daemon says of itself, for reports that go on without it. */

import { reachDaemon } from "../control/client.ts";
import type { StatusReport } from "../control/status_report.ts";
import { reasonOf } from "../nsm/ports.ts";
import type { Session } from "./session.ts";

/** What it says, or why that is not known. */
export interface StatusFacts {
  readonly status?: StatusReport;
  readonly statusFault?: string;
}

/** Asks the daemon of the state directory. It never rejects. */
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
