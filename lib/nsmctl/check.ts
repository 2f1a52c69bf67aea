/**
 * `nsmctl check`: health of the daemon as a Nagios plugin.
 *
 * Source: Monitoring Plugins Development Guidelines: one line, performance data after a bar, and
 * the exit statuses of {@link CheckStatus}.
 */

import { reachDaemon } from "../control/client.ts";
import type { Health } from "../control/health.ts";
import { HungDaemonError } from "../control/hung_daemon.ts";
import type { StatusReport } from "../control/status_report.ts";
import { reasonOf } from "../reason.ts";
import { type Command, TIMEOUT_OPTION } from "./command.ts";
import type { Session } from "./session.ts";

/** Exit statuses of a plugin, unlike those of other commands. */
const CheckStatus = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;

type Outcome = keyof typeof CheckStatus;

const OUTCOMES: Readonly<Record<Health, Outcome>> = {
  good: "OK",
  degraded: "WARNING",
  failed: "CRITICAL",
};

/** Longest text of a line, in characters; Nagios keeps 4096 bytes with the performance data. */
const TEXT_MAX = 2_000;

/** Result of a check. */
interface Checked {
  readonly outcome: Outcome;
  readonly text: string;
  /** Label, value, and unit `c` for a counter. */
  readonly data?: readonly (readonly [label: string, value: number, unit?: "c"])[];
}

export const check: Command = {
  name: "check",
  summary: "Check the health of the daemon, as a Nagios plugin.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [TIMEOUT_OPTION],
  details: [
    "Prints one line, with performance data.",
    "Exit status: 0 OK; 1 WARNING: degraded; 2 CRITICAL: failed, not running or silent; 3 UNKNOWN: " +
    "for example, no permission to ask.",
  ],
  example: "nsmctl check --timeout 5",
  takesPeers: false,
  async run(_given, session) {
    const checked = await examine(session);
    session.terminal.print(checkLine(checked));
    return CheckStatus[checked.outcome];
  },
};

/** Line of a check. A bar in the text would start the performance data. */
export function checkLine({ outcome, text, data = [] }: Checked): string {
  const plain = text.replaceAll(/\s+/g, " ").replaceAll("|", "/").slice(0, TEXT_MAX);
  const numbers = data.map(([label, value, unit = ""]) => `${label}=${value}${unit}`).join(" ");
  return `NSM ${outcome} - ${plain}${numbers === "" ? "" : ` | ${numbers}`}\n`;
}

async function examine({ stateDirectoryPath, timeoutMs }: Session): Promise<Checked> {
  try {
    const reached = await reachDaemon(stateDirectoryPath, timeoutMs);
    if (reached.outcome === "failed") {
      const { pid, reason } = reached;
      if (pid !== undefined) return { outcome: "CRITICAL", text: reason };
      const isDenied = Deno.uid() !== 0 && reason.includes("Permission denied");
      const text = isDenied ? `${reason}: this needs root, or the group of status-group` : reason;
      return { outcome: "UNKNOWN", text };
    }
    if (reached.outcome === "absent") {
      const text = `no daemon serves ${stateDirectoryPath}`;
      return { outcome: "CRITICAL", text };
    }
    using daemon = reached.daemon;
    const { status } = await daemon.ask({ command: "status", look: true });
    if (status === undefined) throw new Error("the daemon has another version than this nsmctl");
    return judged(status);
  } catch (error) {
    const outcome = error instanceof HungDaemonError ? "CRITICAL" : "UNKNOWN";
    return { outcome, text: reasonOf(error) };
  }
}

/** Result for a status report. */
export function judged(report: StatusReport): Checked {
  const { health, faults, peers, registrations, counters } = report;
  return {
    outcome: OUTCOMES[health],
    text: faults.length > 0
      ? faults.join("; ")
      : `${peers} monitored, registered with rpcbind, state ${report.stateNumber}`,
    data: [
      ["peers", peers],
      ["registrations", registrations],
      ["unresolved", report.unresolvedPeers],
      ["to_be_notified", report.toBeNotified],
      ["callbacks_pending", report.callbacks.pending],
      ["notices", counters["calls_notify"] ?? 0, "c"],
      ["notices_doubted", counters["notices_doubted"] ?? 0, "c"],
      ["calls_denied", counters["calls_denied"] ?? 0, "c"],
    ],
  };
}
