/** `nsmctl status`: status of the daemon; the exit status is a health check. */

import { plural } from "../quote.ts";
import { LIMITS } from "../nsm/counters.ts";
import { reachDaemon } from "../control/client.ts";
import { HungDaemonError } from "../control/hung_daemon.ts";
import { findRunningStatd } from "../control/running_statd.ts";
import type { StatusReport } from "../control/status_report.ts";
import { readProgress } from "../store/notify_progress.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { tellUnread } from "./roster.ts";
import { StateReader, unreachable } from "./state_directory.ts";
import { type Session, userText } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { progressJson, progressText } from "./why.ts";
import { type Row, rowsText } from "./rows.ts";
import { filled } from "../config/help_text.ts";
import { reasonOf } from "../reason.ts";
import { jsonText, shown, spanText } from "./text.ts";

/** Hanging indentation of a problem. */
const PROBLEM_REST = 4;

export const status: Command = {
  name: "status",
  summary: "Show the state of the daemon.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [
    { letter: "j", long: "json", help: "Print JSON." },
    { letter: "q", long: "quiet", help: "Print nothing; only set the exit status." },
    TIMEOUT_OPTION,
  ],
  details: [
    "Exit status: 0 good; 1 a fault; 3 no daemon runs; 5 no answer.",
    "Do not restart the daemon on 1: records that it cannot write are only in its memory.",
  ],
  example: "nsmctl status --quiet; [ $? -ne 3 ] || systemctl start rpc-statd",
  takesPeers: false,
  async run(given, session) {
    const isJson = given.has("json");
    if (!given.has("quiet")) return await show(isJson, session);
    const terminal = { ...session.terminal, print: () => true };
    return await show(isJson, { ...session, terminal }).catch((error) =>
      error instanceof HungDaemonError ? Status.SILENT : Status.PROBLEM
    );
  },
};

async function show(isJson: boolean, session: Session): Promise<number> {
  const { terminal, stateDirectoryPath, timeoutMs, now } = session;
  const reached = await reachDaemon(stateDirectoryPath, timeoutMs);
  if (reached.outcome === "failed") throw unreachable(stateDirectoryPath, reached.reason);
  if (reached.outcome === "absent") {
    const stopped = await stoppedReport(session);
    terminal.print(isJson ? jsonText(stopped) : stoppedText(stopped, session));
    tellUnread(stopped.unread ?? [], session);
    return Status.NOT_RUNNING;
  }
  using daemon = reached.daemon;
  const { status: report } = await daemon.ask({ command: "status", look: true });
  if (report === undefined) throw new Error("The daemon has another version than this nsmctl");
  const progress = readProgress(stateDirectoryPath);
  terminal.print(
    isJson
      ? jsonText({ running: true, ...report, ...progressJson(progress) })
      : statusText(report, progressText(progress, now()), terminal),
  );
  return report.health === "good" ? Status.OK : Status.PROBLEM;
}

/** Text of the report. */
export function statusText(
  report: StatusReport,
  progress: string | undefined,
  { colours, width }: Pick<Terminal, "colours" | "width">,
): string {
  const { health, faults, peers, registrations, unresolvedPeers } = report;
  const unresolved = unresolvedPeers === 0 ? "" : `, ${unresolvedPeers} without a known address`;
  const paints = { good: colours.good, degraded: colours.warning, failed: colours.bad };
  const rows: Row[] = [
    ["Daemon", `version ${report.version}, process ${report.pid}, user ${userText(report.uid)}`],
    ["Up", spanText(report.uptimeSeconds * 1000)],
    [
      "Health",
      faults.length === 0 ? health : `${health}: ${faults.join("; ")}`,
      paints[health],
    ],
    ["State number", report.stateNumber < 0 ? "cannot be read" : String(report.stateNumber)],
    ["Boot id", report.bootId ?? ""],
    ["Directory", shown(report.stateDirectory)],
    ["Listening", listeningText(report.transports)],
    ["rpcbind", report.registrationFault === undefined ? "registered" : "not registered"],
    ["Monitored", `${plural(peers, "peer")}, ${plural(registrations, "request")}${unresolved}`],
    ["To be notified", plural(report.toBeNotified, "peer")],
    ["sm-notify", progress ?? ""],
    ...counterRows(report),
    ["Memory", `${Math.round(report.residentBytes / 1e6)} MB`],
  ];
  const problems = report.problems.map((problem) => problemText(problem, colours, width));
  return rowsText(rows, width) +
    (problems.length === 0 ? "" : `Last problems\n${problems.join("")}`);
}

/** Rows of the counters since the start. */
function counterRows({ counters, callbacks, keptNotices = 0 }: StatusReport): Row[] {
  const count = (name: string) => counters[name] ?? 0;
  const unlessNone = (count: number, what: string) => count === 0 ? "" : `${count} ${what}`;
  const limits = Object.entries(LIMITS).filter(([name]) => count(name) > 0)
    .map(([name, words]) => `${count(name)} ${words}`);
  const notices = [
    `${count("calls_notify")} received`,
    `${count("notices_dropped")} dropped`,
    unlessNone(count("notices_doubted"), "doubtful and passed on"),
    unlessNone(count("notices_refused"), "doubtful and refused"),
    unlessNone(keptNotices, "kept for later"),
  ];
  return [
    ["Notices", notices.filter((text) => text !== "").join(", ")],
    [
      "Callbacks",
      `${callbacks.pending} waiting, ${count("callbacks_done")} done, ` +
      `${count("callbacks_failed")} failed attempts, ${count("callbacks_given_up")} given up`,
    ],
    ["Refused", `${count("calls_refused")} calls, ${count("mon_failed")} SM_MON`],
    ["Denied", unlessNone(count("calls_denied"), "by hosts.allow and hosts.deny")],
    ["Limits reached", limits.length === 0 ? "none" : limits.join(", ")],
  ];
}

/** One problem, wrapped to `width` columns. */
function problemText(
  { at, level, message, count, resolvedAt }: StatusReport["problems"][number],
  { faint }: Terminal["colours"],
  width: number,
): string {
  const times = count === 1 ? "" : ` (the last of ${count})`;
  const resolved = resolvedAt === undefined ? "" : `; resolved ${resolvedAt}`;
  const text = filled(`${at} ${level}: ${message}${times}${resolved}`, width, PROBLEM_REST);
  return `  ${text.replace(at, faint)}\n`;
}

/** Listening addresses; transports with an equal address and port are grouped. */
function listeningText(transports: StatusReport["transports"]): string {
  const groups = new Map<string, Set<string>>();
  for (const { netid, address, port } of transports) {
    const isAny = address === "::" || address === "0.0.0.0";
    const end = isAny
      ? `port ${port}`
      : `${address.includes(":") ? `[${address}]` : address}:${port}`;
    const netids = groups.get(end) ?? new Set();
    groups.set(end, netids.add(netid));
  }
  return [...groups].map(([end, netids]) => `${[...netids].join(" ")} at ${end}`).join(", ");
}

/** State of a stopped daemon, from the files. */
interface StoppedReport {
  readonly running: false;
  readonly stateDirectory: string;
  readonly stateNumber?: number;
  /** Absent where the list cannot be read. */
  readonly peers?: number;
  readonly toBeNotified?: number;
  /** Read errors; the values concerned are absent. */
  readonly unread?: readonly string[];
  readonly smNotify?: ReturnType<typeof progressJson>["smNotify"];
  readonly note?: string;
}

async function stoppedReport({ stateDirectoryPath }: Session): Promise<StoppedReport> {
  const reader = new StateReader(stateDirectoryPath);
  const unread: unknown[] = [];
  const attempt = (read: () => number | undefined) => {
    try {
      return read();
    } catch (error) {
      unread.push(error);
      return undefined;
    }
  };
  const peers = attempt(() => reader.monitorCount());
  const toBeNotified = attempt(() => reader.notifyCount());
  if (peers === undefined && toBeNotified === undefined) throw unread[0];
  const stateNumber = attempt(() => reader.stateNumber());
  const other = await findRunningStatd();
  return {
    running: false,
    stateDirectory: stateDirectoryPath,
    ...(stateNumber === undefined ? {} : { stateNumber }),
    ...(peers === undefined ? {} : { peers }),
    ...(toBeNotified === undefined ? {} : { toBeNotified }),
    ...(unread.length === 0 ? {} : { unread: unread.map(reasonOf) }),
    ...progressJson(readProgress(stateDirectoryPath)),
    ...(other === undefined ? {} : { note: `${other}, but not for this state directory` }),
  };
}

function stoppedText(
  report: StoppedReport,
  { terminal: { colours, width }, stateDirectoryPath, now }: Session,
): string {
  const { stateNumber, unread = [] } = report;
  const noNumber = unread.length === 0 ? "none yet" : "not known";
  const count = (peers: number | undefined) =>
    peers === undefined ? "not known" : plural(peers, "peer");
  const rows: Row[] = [
    ["Daemon", "not running", colours.bad],
    ["Note", report.note ?? ""],
    ["State number", stateNumber === undefined ? noNumber : String(stateNumber)],
    ["Directory", shown(report.stateDirectory)],
    ["Monitored", count(report.peers)],
    ["To be notified", count(report.toBeNotified)],
    ["sm-notify", progressText(readProgress(stateDirectoryPath), now()) ?? ""],
  ];
  return rowsText(rows, width);
}
