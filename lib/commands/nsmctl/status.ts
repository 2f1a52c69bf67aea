/** `nsmctl status`: how the daemon is; its exit status is a health check. */

import { reachDaemon } from "../control_client.ts";
import { findRunningStatd } from "../running_statd.ts";
import type { StatusReport } from "../status_report.ts";
import type { Colours } from "./colours.ts";
import { type Command, Status } from "./command.ts";
import { StateReader } from "./read_state.ts";
import type { Session } from "./session.ts";
import { jsonText, shown, spanText } from "./text.ts";

/** Column of the values. */
const VALUES = 16;

export const status: Command = {
  name: "status",
  summary: "Show how the daemon is.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [
    { letter: "j", long: "json", help: "Print JSON." },
    { letter: "q", long: "quiet", help: "Print nothing; the exit status tells." },
  ],
  details: ["Exit status: 0 all is well; 1 something is not; 3 no daemon runs."],
  example: "nsmctl status --quiet || systemctl restart rpc-statd",
  takesPeers: false,
  async run(given, session) {
    const { terminal, stateDirectoryPath } = session;
    const isQuiet = given.has("quiet");
    const reached = await reachDaemon(stateDirectoryPath);
    if (reached.outcome !== "reached") {
      const stopped = await stoppedReport(session);
      if (reached.outcome === "failed") stopped.note = reached.reason;
      if (!isQuiet) {
        terminal.print(given.has("json") ? jsonText(stopped) : stoppedText(stopped, session));
      }
      return reached.outcome === "absent" ? Status.NOT_RUNNING : Status.PROBLEM;
    }
    using daemon = reached.daemon;
    const { status: report } = await daemon.ask({ command: "status" });
    if (report === undefined) throw new Error("The daemon has another version than this nsmctl");
    const toBeNotified = new StateReader(stateDirectoryPath).notifyCount();
    if (given.has("json")) {
      terminal.print(jsonText({ running: true, ...report, toBeNotified }));
    } else if (!isQuiet) terminal.print(statusText(report, toBeNotified, terminal.colours));
    return faultsOf(report).length === 0 ? Status.OK : Status.PROBLEM;
  },
};

/** What is not as it should be, in words. */
export function faultsOf({ registrationFault, degraded, stateNumber }: StatusReport): string[] {
  return [
    ...(registrationFault === undefined ? [] : [`not registered: ${registrationFault}`]),
    ...(stateNumber > 0 ? [] : ["the state number cannot be read"]),
    ...degraded,
  ];
}

/** The report for people. */
export function statusText(
  report: StatusReport,
  toBeNotified: number,
  { good, warning, faint }: Colours,
): string {
  const { counters, callbacks } = report;
  const faults = faultsOf(report);
  const count = (name: string) => counters[name] ?? 0;
  const unresolved = report.unresolvedPeers === 0
    ? ""
    : `, ${report.unresolvedPeers} without a known address`;
  const rows: (readonly [string, string])[] = [
    ["Daemon", `version ${report.version}, process ${report.pid}, user ${report.uid}`],
    ["Up", spanText(report.uptimeSeconds * 1000)],
    ["Health", faults.length === 0 ? good("good") : warning(faults.join("; "))],
    ["State number", String(report.stateNumber)],
    ["Boot id", report.bootId ?? ""],
    ["Directory", shown(report.stateDirectory)],
    ["Listening", report.transports.map(({ netid, port }) => `${netid} ${port}`).join(", ")],
    ["rpcbind", report.registrationFault === undefined ? "registered" : "not registered"],
    [
      "Monitored",
      `${plural(report.peers, "peer")}, ${plural(report.registrations, "request")}${unresolved}`,
    ],
    ["To be notified", plural(toBeNotified, "peer")],
    ["Notices", `${count("calls_notify")} received, ${count("notices_dropped")} dropped`],
    [
      "Callbacks",
      `${callbacks.pending} waiting, ${count("callbacks_done")} done, ` +
      `${count("callbacks_failed")} failed attempts, ${count("callbacks_given_up")} given up`,
    ],
    ["Refused", `${count("calls_refused")} calls, ${count("mon_failed")} SM_MON`],
    ["Memory", `${Math.round(report.residentBytes / 1e6)} MB`],
  ];
  const lines = rows.filter(([, value]) => value !== "").map(([name, value]) =>
    `${name.padEnd(VALUES)}${value}\n`
  );
  const problems = report.problems.map(({ at, level, message }) =>
    `  ${faint(at)} ${level}: ${message}\n`
  );
  return lines.join("") + (problems.length === 0 ? "" : `Last problems\n${problems.join("")}`);
}

/** What the files say of a daemon that does not run. */
interface StoppedReport {
  readonly running: false;
  readonly stateDirectory: string;
  readonly stateNumber?: number;
  readonly peers: number;
  readonly toBeNotified: number;
  note?: string;
}

async function stoppedReport({ stateDirectoryPath }: Session): Promise<StoppedReport> {
  const reader = new StateReader(stateDirectoryPath);
  const stateNumber = reader.stateNumber();
  const other = await findRunningStatd();
  return {
    running: false,
    stateDirectory: stateDirectoryPath,
    ...(stateNumber === undefined ? {} : { stateNumber }),
    peers: reader.monitorCount(),
    toBeNotified: reader.notifyCount(),
    ...(other === undefined ? {} : { note: `${other}, but not for this state directory` }),
  };
}

function stoppedText(report: StoppedReport, { terminal: { colours } }: Session): string {
  const rows: (readonly [string, string])[] = [
    ["Daemon", colours.bad("not running")],
    ["Note", report.note ?? ""],
    ["State number", report.stateNumber === undefined ? "none yet" : String(report.stateNumber)],
    ["Directory", shown(report.stateDirectory)],
    ["Monitored", plural(report.peers, "peer")],
    ["To be notified", plural(report.toBeNotified, "peer")],
  ];
  return rows.filter(([, value]) => value !== "").map(([name, value]) =>
    `${name.padEnd(VALUES)}${value}\n`
  ).join("");
}

/** A number and what it counts. */
export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
