/** `nsmctl list`: who is monitored, and who is still to be told of our reboot. */

import { reasonOf } from "../../nsm/ports.ts";
import { type Command, Status } from "./command.ts";
import { askersOf, type Peer, peerMatcher, peersOf, sinceOf } from "./peers.ts";
import { StateReader } from "./read_state.ts";
import type { Session } from "./session.ts";
import { type Column, renderTable } from "./table.ts";
import { agoText, isoText, jsonText, shown } from "./text.ts";

const COLUMNS: readonly Column[] = [
  { title: "M" },
  { title: "N" },
  { title: "PEER", mayShrink: true },
  { title: "ASKED BY", mayShrink: true },
  { title: "SINCE" },
  { title: "ADDRESSES", mayShrink: true },
  { title: "HEARD" },
  { title: "TOLD" },
];

export const list: Command = {
  name: "list",
  summary: "Show who is monitored and who is still to be told of our reboot.",
  operands: "[PATTERN]",
  operandsMin: 0,
  operandsMax: 1,
  options: [{ letter: "j", long: "json", help: "Print JSON." }],
  details: [
    "M: monitored. N: to be notified of our last reboot.",
    "PATTERN is compared with names and addresses; it may have * and ?.",
  ],
  example: "nsmctl list '*.example.net'",
  takesPeers: true,
  run(given, session) {
    const [pattern] = given.operands;
    let peers: Peer[];
    try {
      peers = readPeers(session.stateDirectoryPath);
    } catch (error) {
      session.terminal.complain(`${session.programName}: ${reasonOf(error)}`);
      return Promise.resolve(Status.PROBLEM);
    }
    if (pattern !== undefined) peers = peers.filter(peerMatcher(pattern));
    session.terminal.print(given.has("json") ? jsonText(toJson(peers)) : toText(peers, session));
    return Promise.resolve(
      pattern !== undefined && peers.length === 0 ? Status.PROBLEM : Status.OK,
    );
  },
};

function readPeers(stateDirectoryPath: string): Peer[] {
  const reader = new StateReader(stateDirectoryPath);
  const monitored = reader.monitorList().flatMap(({ records }) => records);
  const toBeNotified = reader.notifyList().flatMap(({ records }) => records);
  return peersOf(monitored, toBeNotified, reader.facts());
}

/** The table, or a word where there is nobody. */
export function toText(peers: readonly Peer[], { terminal, now }: Session): string {
  if (peers.length === 0) return "No peers.\n";
  const { colours } = terminal;
  const rows = peers.map((peer) => [
    { text: peer.isMonitored ? "M" : "", paint: colours.good },
    { text: peer.isToBeNotified ? "N" : "", paint: colours.warning },
    shown(peer.monName),
    askersOf(peer).map(shown).join(" "),
    agoText(sinceOf(peer), now()),
    peer.facts.addresses.map(shown).join(" "),
  ]);
  return renderTable(COLUMNS, rows, terminal.width, colours);
}

/** The peers as JSON. */
export function toJson(peers: readonly Peer[]) {
  return peers.map((peer) => {
    const since = sinceOf(peer);
    const { canonicalName, addresses, lastState } = peer.facts;
    return {
      monName: peer.monName,
      monitored: peer.isMonitored,
      toBeNotified: peer.isToBeNotified,
      ...(since === undefined ? {} : { since: isoText(since) }),
      ...(canonicalName === undefined ? {} : { canonicalName }),
      addresses,
      ...(lastState === undefined ? {} : { lastState }),
      requests: peer.requests.map(({ record }) => ({
        myName: record.myName,
        program: record.myProg,
        version: record.myVers,
        procedure: record.myProc,
      })),
    };
  });
}
