/** `nsmctl events`: the event history. */

import { nameKey } from "../nsm/host_name.ts";
import { type DatedEvent, EventReader } from "../store/event_file.ts";
import { layoutOf } from "../store/layout.ts";
import { type Command, Status } from "./command.ts";
import { eventJson, eventText, KINDS_TEXT } from "./event_text.ts";
import { peerMatcher } from "./peers.ts";
import { StateReader } from "./state_directory.ts";
import type { Session } from "./session.ts";
import { waitForChange } from "./state_directory.ts";
import { jsonLine, parseMoment, shown } from "./text.ts";

export const events: Command = {
  name: "events",
  summary: "Show what happened: reboots, peers told of them, starts, refusals.",
  operands: "[PATTERN]",
  operandsMin: 0,
  operandsMax: 1,
  options: [
    {
      letter: "s",
      long: "since",
      argument: "TIME",
      help:
        "Only later events: an age such as 90min, 12h or 7d, or a local time such as 2026-11-26 or 2026-11-26T13:40.",
    },
    { letter: "f", long: "follow", help: "Keep printing events as they happen." },
    { letter: "j", long: "json", help: "Print one JSON object in each line." },
  ],
  details: [
    "PATTERN is matched with names and addresses of peers; * and ? are wildcards.",
    "The history is on disk; the setting events in section [statd] of nfs.conf limits its size.",
    "A file in its place that is no history is renamed to sm.bak/.events.damaged.",
    `Kinds of events: ${KINDS_TEXT}.`,
    "Exit status: 0; 1 if there is nothing to show.",
  ],
  example: "nsmctl events --since 1d client02.example.net",
  takesPeers: true,
  async run(given, session) {
    const { terminal, now, programName, stateDirectoryPath } = session;
    const [pattern] = given.operands;
    const sinceText = given.get("since");
    const since = sinceText === undefined ? -Infinity : parseMoment(sinceText, now());
    if (since === undefined) {
      terminal.complain(
        `${programName}: "${sinceText}" is not a time; try 12h, 7d, 2026-11-26 or 2026-11-26T13:40`,
      );
      return Status.USAGE;
    }
    const isWanted = eventFilter(pattern, since);
    const isJson = given.has("json");
    const print = (found: readonly DatedEvent[]): boolean =>
      found.length === 0 || terminal.print(
        found.map((it) => isJson ? jsonLine(eventJson(it)) : eventText(it, terminal))
          .join(""),
      );
    // fails for a directory that is no state directory
    new StateReader(stateDirectoryPath).notifyCount();
    const reader = new EventReader(stateDirectoryPath);
    if (given.has("follow")) {
      return await follow(session, reader, (it) => print(it.filter(isWanted)));
    }
    const found = reader.next().filter(isWanted);
    tellDamage(reader, session);
    if (found.length === 0 && !isJson) terminal.print("No events.\n");
    print(found);
    return found.length === 0 ? Status.PROBLEM : Status.OK;
  },
};

/** Says why the file is no history, and where an earlier one of that kind was put. */
function tellDamage(reader: EventReader, { terminal, programName }: Session): void {
  const fault = reader.fault();
  if (fault !== undefined) terminal.complain(`${programName}: ${fault}`);
  const aside = reader.putAside();
  if (aside === undefined) return;
  terminal.complain(`${programName}: ${shown(aside)} was put aside, as it is no history`);
}

/** Prints events as they come, until the reader closes the output. */
async function follow(
  { stateDirectoryPath }: Session,
  reader: EventReader,
  print: (events: DatedEvent[]) => boolean,
): Promise<number> {
  const changes = waitForChange(layoutOf(stateDirectoryPath));
  let next = changes.next(); // watching starts before the file is read
  while (print(reader.next())) {
    if ((await next).done) break;
    next = changes.next();
  }
  return Status.OK;
}

/** Filter for events about matching peers since a time. */
export function eventFilter(
  pattern: string | undefined,
  since: number,
): (event: DatedEvent) => boolean {
  if (pattern === undefined) return ({ at }) => at >= since;
  const matches = peerMatcher(pattern);
  const key = nameKey(pattern);
  return ({ at, peer, address, reason }) => {
    if (at < since) return false;
    if (peer === undefined) return reason !== undefined && nameKey(reason).includes(`"${key}"`);
    const addresses = address === undefined ? [] : [address];
    return matches({
      monName: peer,
      addresses,
      requests: [],
      isMonitored: false,
      isToBeNotified: false,
    });
  };
}
