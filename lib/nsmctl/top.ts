/** `nsmctl top`: live screen with health, recovery, remaining peers and last events. */

import { systemClock } from "../platform/clock.ts";
import { plural, printable } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { type DatedEvent, EventReader } from "../store/event_file.ts";
import { readProgress } from "../store/notify_progress.ts";
import { sleep } from "../time/clock.ts";
import { filled } from "../config/help_text.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { eventSentence } from "./event_text.ts";
import type { Peer } from "./peers.ts";
import { healthLine } from "./report_facts.ts";
import { readStatus, type StatusFacts } from "./report_status.ts";
import { readRoster } from "./roster.ts";
import { StateReader } from "./state_directory.ts";
import type { Session } from "./session.ts";
import { type Column, renderTable } from "./table.ts";
import { clockText, localText, shown } from "./text.ts";
import { progressText } from "./why.ts";

/** Default interval, and its limits, in seconds. */
const PAUSE_S = 1;
const PAUSE_MIN_S = 0.2;
const PAUSE_MAX_S = 3_600;
/** Lines of a screen of unknown size. */
const LINES = 24;
/** Limit of events kept for the screen. */
const EVENTS_MAX = 200;
/** Begin of a colour; such a line is of the table's titles, which are short. */
const ESCAPE = "\x1b";
/** Indentation of the further lines of a wrapped text. */
const EVENT_REST = 2;
const LEFT_COLUMNS: readonly Column[] = [
  { title: "NOT TOLD", endsHead: true },
  { title: "WHY NOT", mayShrink: true },
];

/** Contents of one screen. */
export interface Screen {
  readonly host: string;
  readonly at: number;
  readonly status: StatusFacts;
  readonly peers: readonly Peer[];
  /** Reason why they are unknown. */
  readonly peersFault?: string;
  /** Number of unreadable files or whole lists. */
  readonly unread?: number;
  readonly progress: string | undefined;
  readonly events: readonly DatedEvent[];
}

export const top: Command = {
  name: "top",
  summary: "Show health, recovery, peers not told and recent events, live.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [
    {
      letter: "d",
      long: "delay",
      argument: "SECONDS",
      help: `Seconds between updates; default: ${PAUSE_S}.`,
    },
    TIMEOUT_OPTION,
  ],
  details: [
    "Ctrl-C ends it. If standard output is not a terminal, everything is printed once.",
  ],
  example: "nsmctl top --delay 5",
  takesPeers: false,
  async run(given, session) {
    const { terminal, programName } = session;
    const pauseS = Number(given.get("delay") ?? PAUSE_S);
    if (!(pauseS >= PAUSE_MIN_S && pauseS <= PAUSE_MAX_S)) {
      terminal.complain(
        `${programName}: a delay is from ${PAUSE_MIN_S} to ${PAUSE_MAX_S} seconds`,
      );
      return Status.USAGE;
    }
    const reader = new EventReader(session.stateDirectoryPath);
    let events: DatedEvent[] = [];
    // fails for a directory that is no state directory
    new StateReader(session.stateDirectoryPath).notifyCount();
    for (;;) {
      events = [...events, ...newEvents(reader)].slice(-EVENTS_MAX);
      const screen = await look(session, events);
      if (!Deno.stdout.isTerminal()) {
        terminal.print(screenLines(screen, Infinity, session).map((line) => `${line}\n`).join(""));
        return Status.OK;
      }
      const { rows, columns } = sizeOfScreen();
      const sized = { ...session, terminal: { ...terminal, width: columns } };
      const lines = screenLines(screen, rows - 1, sized);
      // Overwritten from the top left corner, which avoids flicker; the rest is cleared.
      if (!terminal.draw(lines)) return Status.OK;
      await sleep(systemClock.startTimer, pauseS * 1000);
    }
  },
};

function newEvents(reader: EventReader): DatedEvent[] {
  try {
    return reader.next();
  } catch {
    return []; // not permitted; nsmctl events reports that
  }
}

function sizeOfScreen(): { rows: number; columns: number } {
  try {
    const { rows, columns } = Deno.consoleSize();
    return { rows: rows || LINES, columns: columns || Number.MAX_SAFE_INTEGER };
  } catch {
    return { rows: LINES, columns: Number.MAX_SAFE_INTEGER };
  }
}

async function look(session: Session, events: readonly DatedEvent[]): Promise<Screen> {
  const { stateDirectoryPath, now } = session;
  const status = await readStatus(session);
  const progress = progressText(readProgress(stateDirectoryPath), now());
  const screen = { host: Deno.hostname(), at: now(), status, progress, events };
  try {
    const { peers, unread } = await readRoster(stateDirectoryPath, undefined, session);
    return { ...screen, peers, unread: unread.length };
  } catch (error) {
    // The daemon hangs, or the directory is gone: the screen shows that.
    return { ...screen, peers: [], peersFault: reasonOf(error) };
  }
}

/** Sentence with the numbers of peers. */
function countsText({ peers, peersFault, unread = 0, status }: Screen): string {
  if (peersFault !== undefined) return `Peers: not known, ${printable(peersFault)}.`;
  const monitored = peers.filter(({ isMonitored }) => isMonitored);
  const unresolved = monitored.filter(({ addresses }) => addresses.length === 0).length;
  const toBeTold = peers.filter(({ isToBeNotified }) => isToBeNotified).length;
  const pending = status.status?.callbacks.pending;
  return `${plural(monitored.length, "peer")} monitored, ${toBeTold} to be told, ` +
    `${unresolved} without an address` +
    (pending === undefined ? "" : `, ${plural(pending, "callback")} waiting`) +
    (unread === 0 ? "" : `, ${unread} not readable: nsmctl list`);
}

/** Lines of a screen, at most `linesMax`; events get the remaining room. No name is truncated. */
export function screenLines(
  screen: Screen,
  linesMax: number,
  { terminal: { colours, width } }: Pick<Session, "terminal">,
): string[] {
  const { host, at, status, peers, peersFault, unread = 0, progress, events } = screen;
  const left = peers.filter(({ isToBeNotified }) => isToBeNotified);
  const paint = {
    good: colours.good,
    degraded: colours.warning,
    failed: colours.bad,
    unknown: colours.bad,
  }[status.status?.health ?? "unknown"];
  const wrapped = (text: string) =>
    filled(text, width, EVENT_REST).split("\n").flatMap((line) => broken(line, width));
  const head = [
    ...wrapped(`${shown(host)}  ${localText(at)}`),
    ...wrapped(printable(healthLine(status))).map(paint),
    ...wrapped(countsText(screen)),
    ...wrapped(`sm-notify ${progress ?? "has not run"}`),
    "",
  ];
  const isAllKnown = peersFault === undefined && unread === 0;
  const nobody = isAllKnown ? ["No peer is left to be told."] : [];
  const table = left.length === 0 ? nobody : renderTable(
    LEFT_COLUMNS,
    left.map(({ monName, why = "" }) => [shown(monName), printable(why)]),
    width,
    colours,
  ).trimEnd().split("\n").flatMap((line) => line.includes(ESCAPE) ? line : broken(line, width));
  const room = Math.max(0, linesMax - head.length);
  // At most half, so that events are visible.
  const tableMax = Math.max(2, Math.floor(room / 2));
  const shownTable = table.length <= tableMax || linesMax === Infinity
    ? table
    : [...table.slice(0, tableMax - 1), `${table.length - tableMax + 1} more lines: nsmctl list`];
  const eventRoom = Math.max(0, room - shownTable.length - 2);
  let last: string[] = [];
  for (const event of events.toReversed()) {
    const more = wrapped(`${clockText(event.at, at)} ${eventSentence(event)}`);
    if (last.length + more.length > eventRoom) break;
    last = [...more, ...last];
  }
  return [...head, ...shownTable, "", colours.strong("LAST EVENTS"), ...last]
    .slice(0, linesMax === Infinity ? undefined : linesMax);
}

/** Pieces of a line that a word makes longer than the terminal, where it would count as one. */
function broken(line: string, width: number): string[] {
  if (line.length <= width) return [line];
  return [line.slice(0, width), ...broken(line.slice(width), width)];
}
