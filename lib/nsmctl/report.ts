/** `nsmctl report`: the last recovery: peers told, when and how, and remaining peers with reasons. */

import { type DatedEvent, EventReader } from "../store/event_file.ts";
import { readProgress } from "../store/notify_progress.ts";
import { printable } from "../quote.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { eventJson } from "./event_text.ts";
import { listText, peerJson } from "./list.ts";
import { type Recovery, recoveryOf } from "./recovery.ts";
import { healthLine, recoveryLine, type ReportFacts } from "./report_facts.ts";
import { reportPage } from "./report_page.ts";
import { readStatus } from "./report_status.ts";
import { readRoster, tellUnread } from "./roster.ts";
import type { Session } from "./session.ts";
import { type Column, renderTable } from "./table.ts";
import { filled } from "../config/help_text.ts";
import { reasonOf } from "../reason.ts";
import { isoText, jsonText, localText, shown, spanText } from "./text.ts";

/** Limit of other events shown. */
const OTHER_EVENTS_MAX = 100;

const TOLD_COLUMNS: readonly Column[] = [
  { title: "TOLD" },
  { title: "PEER", endsHead: true },
  { title: "AFTER", align: "right" },
  { title: "AT", mayShrink: true },
  { title: "OVER" },
  { title: "TRIES", align: "right" },
];
const LEFT_COLUMNS: readonly Column[] = [
  { title: "NOT TOLD", endsHead: true },
  { title: "WHY", mayShrink: true },
];

export const report: Command = {
  name: "report",
  summary: "Report on the last recovery: peers told and when, peers not told and why.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [
    {
      letter: "H",
      long: "html",
      argument: "FILE",
      help: "Write an HTML page instead, which needs no network; - is standard output.",
    },
    { letter: "j", long: "json", help: "Print JSON." },
    TIMEOUT_OPTION,
  ],
  details: [
    "Includes the health of the daemon, the monitored peers and other events.",
    "Exit status: 0; 1 if a peer was not told, or a record cannot be read.",
  ],
  example: "nsmctl report --html /tmp/recovery.html",
  takesPeers: false,
  async run(given, session) {
    const { terminal, programName } = session;
    const unread: string[] = [];
    const facts = await readFacts(session, unread);
    const file = given.get("html");
    if (given.has("json")) terminal.print(jsonText(reportJson(facts)));
    else if (file === "-") terminal.print(reportPage(facts));
    else if (file !== undefined) {
      writePage(file, reportPage(facts));
      terminal.complain(`${programName}: the report is in ${shown(file)}`);
    } else terminal.print(reportText(facts, session));
    if (!tellUnread(unread, session)) return Status.PROBLEM;
    return (facts.recovery?.left.length ?? 0) > 0 ? Status.PROBLEM : Status.OK;
  },
};

/** Reads the facts; read errors are appended to `unread`. */
async function readFacts(session: Session, unread: string[]): Promise<ReportFacts> {
  const { stateDirectoryPath, now } = session;
  const roster = await readRoster(stateDirectoryPath, undefined, session);
  const { peers } = roster;
  unread.push(...roster.unread);
  const events = readHistory(stateDirectoryPath, unread);
  const progress = readProgress(stateDirectoryPath);
  return {
    host: Deno.hostname(),
    at: now(),
    stateDirectory: stateDirectoryPath,
    ...await readStatus(session),
    recovery: recoveryOf(events, peers, progress, now()),
    unread: unread.length,
    peers,
    events: events.filter(({ program }) => program !== "sm-notify").slice(-OTHER_EVENTS_MAX),
  };
}

function readHistory(stateDirectoryPath: string, unread: string[]): DatedEvent[] {
  try {
    const reader = new EventReader(stateDirectoryPath);
    const fault = reader.fault();
    if (fault !== undefined) unread.push(fault);
    return reader.next();
  } catch (error) {
    unread.push(reasonOf(error));
    return [];
  }
}

/** @throws {Error} When the file cannot be written. */
function writePage(file: string, page: string): void {
  try {
    Deno.writeTextFileSync(file, page);
  } catch (error) {
    throw new Error(`Cannot write ${shown(file)}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Text of the report. */
export function reportText(facts: ReportFacts, session: Pick<Session, "terminal" | "now">): string {
  const { recovery, peers, unread = 0 } = facts;
  const { colours, width } = session.terminal;
  const monitored = peers.filter(({ isMonitored }) => isMonitored);
  const parts = [printable(healthLine(facts)), recoveryLine(facts)]
    .map((line) => `${filled(line, width, 0)}\n`);
  if (recovery !== undefined && recovery.told.length > 0) {
    const rows = recovery.told.map(({ peer, at, address = "", transport = "", attempts, ms }) => [
      localText(at).slice(0, 19),
      shown(peer),
      spanText(ms),
      shown(address),
      transport,
      String(attempts),
    ]);
    parts.push(renderTable(TOLD_COLUMNS, rows, width, colours));
  }
  if (recovery !== undefined && recovery.left.length > 0) {
    const rows = recovery.left.map(({ peer, why }) => [
      { text: shown(peer), paint: colours.bad },
      printable(why),
    ]);
    parts.push(renderTable(LEFT_COLUMNS, rows, width, colours));
  }
  const nobody = unread > 0 ? { nobody: "Not known." } : {};
  parts.push(`Monitored now\n${listText(monitored, session, nobody)}`);
  return parts.join("\n");
}

function reportJson({ recovery, ...facts }: ReportFacts) {
  const { host, at, stateDirectory, status, statusFault, peers, events } = facts;
  return {
    host,
    at: isoText(at),
    stateDirectory,
    ...(status === undefined ? { statusFault } : { health: status.health, faults: status.faults }),
    ...(recovery === undefined ? {} : { recovery: recoveryJson(recovery) }),
    peers: peers.map(peerJson),
    events: events.map(eventJson),
  };
}

function recoveryJson({ startedAt, endedAt, told, left, events, ...rest }: Recovery) {
  return {
    ...rest,
    startedAt: isoText(startedAt),
    ...(endedAt === undefined ? {} : { endedAt: isoText(endedAt) }),
    told: told.map(({ at, ...peer }) => ({ ...peer, at: isoText(at) })),
    left: left.map(({ at, ...peer }) => ({
      ...peer,
      ...(at === undefined ? {} : { at: isoText(at) }),
    })),
    events: events.map(eventJson),
  };
}
