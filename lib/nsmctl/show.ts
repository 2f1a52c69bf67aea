/** `nsmctl show HOST`: everything known about one host, and the name service's present answer. */

import { hostResolver } from "../net/resolver.ts";
import { nameKey } from "../nsm/host_name.ts";
import type { KeptNotice, Resolver } from "../nsm/ports.ts";
import { systemClock } from "../platform/clock.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { type DatedEvent, EventReader } from "../store/event_file.ts";
import { openNoticeFile } from "../store/notice_file.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { eventFilter } from "./events.ts";
import { eventJson, eventText } from "./event_text.ts";
import { peerJson } from "./list.ts";
import { type Peer, peerMatcher } from "./peers.ts";
import { SILENT_LOG } from "./state_directory.ts";
import { readRoster, type Roster, tellUnread } from "./roster.ts";
import { type Row, rowsText } from "./rows.ts";
import type { Session } from "./session.ts";
import { filled } from "../config/help_text.ts";
import { reasonOf } from "../reason.ts";
import { ageText, isoText, isPlausible, jsonText, localText, shown } from "./text.ts";

/** Limit of hosts shown; for more use list. */
const SHOWN_MAX = 20;
/** Limit of events shown per host. */
const EVENTS_MAX = 10;
const EVENT_INDENT = 2;

/** Answer of the name service for a peer's name. */
interface Answer {
  readonly addresses: readonly string[];
  /** Why there are none. */
  readonly fault?: string;
}

/** Everything known about one host. */
export interface HostFacts {
  readonly peer: Peer;
  readonly nameService: Answer;
  readonly keptNotices: readonly KeptNotice[];
  readonly events: readonly DatedEvent[];
}

export const show: Command = {
  name: "show",
  summary: "Show everything known about a host, and why it has not been told.",
  operands: "HOST",
  operandsMin: 1,
  operandsMax: 1,
  options: [{ letter: "j", long: "json", help: "Print JSON." }, TIMEOUT_OPTION],
  details: [
    `HOST is a name or an address; * and ? are wildcards. At most ${SHOWN_MAX} hosts are shown.`,
    "An address that only rpc.statd or only the name service knows is marked. The last " +
    `${EVENTS_MAX} events are shown; nsmctl events HOST prints all.`,
    "Exit status: 0; 1 if HOST is on neither list, or a record cannot be read.",
  ],
  example: "nsmctl show client02.example.net",
  takesPeers: true,
  async run(given, session) {
    const { stateDirectoryPath, terminal, programName } = session;
    const [pattern = ""] = given.operands;
    const options = { ...session, allDetails: true };
    const roster = await readRoster(stateDirectoryPath, peerMatcher(pattern), options);
    const history = readHistory(session);
    const resolver = hostResolver({ addressesOfName, nameOfAddress }, systemClock);
    const kept = openNoticeFile(stateDirectoryPath, { log: SILENT_LOG }).load().notices;
    const hosts = await Promise.all(
      roster.peers.slice(0, SHOWN_MAX).map((peer) => factsOf(peer, history, kept, resolver)),
    );
    if (given.has("json")) terminal.print(jsonText(showJson(roster, hosts, session)));
    else {
      if (roster.note !== undefined) terminal.complain(`${programName}: ${roster.note}`);
      terminal.print(hosts.map((host) => hostText(host, session)).join("\n"));
      if (roster.peers.length > SHOWN_MAX) {
        terminal.complain(
          `${programName}: ${roster.peers.length} hosts match; the first ${SHOWN_MAX} are shown`,
        );
      }
      if (hosts.length === 0 && roster.unread.length === 0) {
        terminal.print(unknownText(pattern, history, session));
      }
    }
    if (!tellUnread(roster.unread, session)) return Status.PROBLEM;
    return hosts.length === 0 ? Status.PROBLEM : Status.OK;
  },
};

/** Whole history; empty, with a line on standard error, if it cannot be read. */
function readHistory({ stateDirectoryPath, terminal, programName }: Session): DatedEvent[] {
  try {
    const reader = new EventReader(stateDirectoryPath);
    const fault = reader.fault();
    if (fault !== undefined) terminal.complain(`${programName}: ${fault}`);
    return reader.next();
  } catch (error) {
    terminal.complain(`${programName}: ${reasonOf(error)}`);
    return [];
  }
}

/** Collects the facts about a peer. */
export async function factsOf(
  peer: Peer,
  history: readonly DatedEvent[],
  kept: readonly KeptNotice[],
  resolver: Pick<Resolver, "addressesOf">,
): Promise<HostFacts> {
  const found = await resolver.addressesOf(peer.monName);
  const nameService = found.outcome === "found"
    ? { addresses: found.value.addresses }
    : { addresses: [], fault: found.reason };
  const words = [peer.monName, peer.canonicalName ?? "", ...peer.addresses];
  const names = new Set([...words, ...nameService.addresses].map(nameKey));
  const isAbout = eventFilter(escaped(peer.monName), -Infinity);
  return {
    peer,
    nameService,
    keptNotices: kept.filter(({ name, address }) =>
      names.has(nameKey(name)) || names.has(nameKey(address))
    ),
    events: history.filter(isAbout),
  };
}

/** Pattern that matches a name literally, except that `?` replaces an asterisk. */
function escaped(name: string): string {
  return name.replaceAll("*", "?");
}

/** Text about one host. */
export function hostText(
  { peer, nameService, keptNotices, events }: HostFacts,
  session: Session,
): string {
  const { terminal: { colours, width }, now } = session;
  const at = now();
  const moment = (time: number | undefined) =>
    time === undefined
      ? ""
      : `${localText(time)} (${
        isPlausible(time, at)
          ? `${ageText(time, at)} ago`
          : "a clock was wrong then, or is wrong now"
      })`;
  const asked = peer.requests.map(({ myName, myProg, myVers, myProc }) =>
    `${shown(myName)} (program ${myProg}, version ${myVers}, procedure ${myProc})`
  );
  const rows: Row[] = [
    ["Monitored", peer.isMonitored ? "yes" : "no", peer.isMonitored ? colours.good : undefined],
    ["Asked by", [...new Set(asked)].join(", ")],
    ["On a list since", moment(peer.since)],
    ["Official name", peer.canonicalName === undefined ? "" : shown(peer.canonicalName)],
    ["Addresses", addressesText(peer, nameService)],
    ["Last state", peer.lastState === undefined ? "none heard" : String(peer.lastState)],
    ["Heard", moment(peer.heardAt)],
    ["Told", moment(peer.toldAt)],
    ["To be notified", peer.isToBeNotified ? "yes" : "no"],
    ["Why not", peer.why ?? "", colours.warning],
    ...keptNotices.map(({ name, address, state, at }): Row => [
      "Kept notice",
      `of ${shown(name)} from ${shown(address)}, state ${state}, ${moment(at)}`,
    ]),
  ];
  const last = events.slice(-EVENTS_MAX).map((event) =>
    eventText(event, session.terminal, EVENT_INDENT)
  );
  const omitted = events.length - last.length;
  const title = omitted > 0 ? `Events (${omitted} older ones left out)` : "Events";
  return `${colours.strong(shown(peer.monName))}\n${rowsText(rows, width)}` +
    (last.length === 0 ? "" : `${title}\n${last.join("")}`);
}

/** Addresses with their origins, and the name service's fault. */
function addressesText({ addresses }: Peer, nameService: Answer): string {
  const known = new Set([...addresses, ...nameService.addresses]);
  const parts = [...known].map((address) => {
    const isNew = !addresses.includes(address);
    const isGone = !nameService.addresses.includes(address);
    const from = isNew
      ? " (name service only: not known to rpc.statd yet)"
      : isGone
      ? " (remembered: the name service does not say so now)"
      : "";
    return shown(address) + from;
  });
  if (nameService.fault !== undefined) parts.push(`name service: ${nameService.fault}`);
  return parts.length === 0 ? "none known" : parts.join(", ");
}

function unknownText(
  pattern: string,
  history: readonly DatedEvent[],
  { terminal }: Session,
): string {
  const last = history.filter(eventFilter(pattern, -Infinity)).slice(-EVENTS_MAX)
    .map((event) => eventText(event, terminal, EVENT_INDENT));
  const why =
    `${shown(pattern)} is on neither list: no lock manager here has asked about it, and ` +
    "it is not to be told of a reboot.";
  return `${filled(why, terminal.width, 0)}\n` +
    (last.length === 0 ? "" : `Events\n${last.join("")}`);
}

function showJson(
  { isLive, unread }: Roster,
  hosts: readonly HostFacts[],
  { stateDirectoryPath }: Session,
) {
  return {
    stateDirectory: stateDirectoryPath,
    daemon: isLive,
    ...(unread.length === 0 ? {} : { unread }),
    hosts: hosts.map(({ peer, nameService, keptNotices, events }) => ({
      ...peerJson(peer),
      nameService,
      keptNotices: keptNotices.map(({ name, address, state, at }) => ({
        name,
        address,
        state,
        at: isoText(at),
      })),
      events: events.map(eventJson),
    })),
  };
}
