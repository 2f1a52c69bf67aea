/** `nsmctl list`: who is monitored, and who is still to be told of our reboot. */

import { printable } from "../quote.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { askersOf, type Peer, peerMatcher } from "./peers.ts";
import { readRoster, type Roster } from "./roster.ts";
import type { Session } from "./session.ts";
import { type Column, renderTable } from "./table.ts";
import { ageText, isoText, jsonText, shown } from "./text.ts";

const COLUMNS: readonly Column[] = [
  { title: "M" },
  { title: "N" },
  { title: "PEER", mayShrink: true, endsHead: true },
  { title: "ASKED BY", mayShrink: true },
  { title: "AGE" },
  { title: "ADDRESSES", mayShrink: true },
  { title: "HEARD" },
  { title: "TOLD" },
  { title: "WHY NOT", mayShrink: true },
];

export const list: Command = {
  name: "list",
  summary: "Show who is monitored and who is still to be told of our reboot.",
  operands: "[PATTERN]",
  operandsMin: 0,
  operandsMax: 1,
  options: [{ letter: "j", long: "json", help: "Print JSON." }, TIMEOUT_OPTION],
  details: [
    "M: monitored. N: to be notified of our last reboot.",
    "AGE: how long it has been on a list. HEARD: how long ago it last said that it rebooted. " +
    "TOLD: how long ago we last told it that. WHY NOT: why it was not told yet, or why its reboot " +
    "may not be recognised.",
    "PATTERN is compared with names and addresses; it may have * and ?.",
    "Beyond 1000 peers, times that only files tell are left out.",
    "Exit status: 0; 1 if nothing matches PATTERN.",
  ],
  example: "nsmctl list '*.example.net'",
  takesPeers: true,
  async run(given, session) {
    const [pattern] = given.operands;
    const matches = pattern === undefined ? undefined : peerMatcher(pattern);
    const roster = await readRoster(session.stateDirectoryPath, matches, session);
    const { terminal, programName } = session;
    if (given.has("json")) terminal.print(jsonText(listJson(roster, session)));
    else {
      if (roster.note !== undefined) terminal.complain(`${programName}: ${roster.note}`);
      terminal.print(listText(roster.peers, session));
    }
    return matches !== undefined && roster.peers.length === 0 ? Status.PROBLEM : Status.OK;
  },
};

/** The table, or a word where there is nobody. */
export function listText(
  peers: readonly Peer[],
  { terminal, now }: Pick<Session, "terminal" | "now">,
): string {
  if (peers.length === 0) return "No peers.\n";
  const { colours, width } = terminal;
  const at = now();
  const monitored = { text: "M", paint: colours.good };
  const toBeNotified = { text: "N", paint: colours.warning };
  const rows = peers.map((peer) => [
    peer.isMonitored ? monitored : "",
    peer.isToBeNotified ? toBeNotified : "",
    shown(peer.monName),
    namesText(askersOf(peer)),
    ageText(peer.since, at),
    namesText(otherNames(peer)),
    ageText(peer.heardAt, at),
    ageText(peer.toldAt, at),
    { text: printable(peer.why ?? ""), paint: colours.warning },
  ]);
  return renderTable(COLUMNS, rows, width, colours);
}

/** The peers as JSON; `conf/nsmctl.schema.json` describes it. */
export function listJson(
  { peers, isLive }: Roster,
  { stateDirectoryPath }: Pick<Session, "stateDirectoryPath">,
) {
  return { stateDirectory: stateDirectoryPath, daemon: isLive, peers: peers.map(peerJson) };
}

/** One peer as JSON. */
export function peerJson(peer: Peer) {
  return {
    monName: peer.monName,
    monitored: peer.isMonitored,
    toBeNotified: peer.isToBeNotified,
    ...(peer.canonicalName === undefined ? {} : { canonicalName: peer.canonicalName }),
    addresses: peer.addresses,
    ...(peer.lastState === undefined ? {} : { lastState: peer.lastState }),
    ...(peer.since === undefined ? {} : { since: isoText(peer.since) }),
    ...(peer.heardAt === undefined ? {} : { heardAt: isoText(peer.heardAt) }),
    ...(peer.toldAt === undefined ? {} : { toldAt: isoText(peer.toldAt) }),
    ...(peer.why === undefined ? {} : { why: peer.why }),
    requests: peer.requests.map(({ myName, myProg, myVers, myProc }) => ({
      myName,
      program: myProg,
      version: myVers,
      procedure: myProc,
    })),
  };
}

function namesText(names: readonly string[]): string {
  return names.length === 1 ? shown(names[0]!) : names.map(shown).join(" ");
}

/** Official name and addresses, without what the first column says already. */
function otherNames({ monName, canonicalName, addresses }: Peer): readonly string[] {
  if (addresses.length === 0 && canonicalName === undefined) return addresses;
  const names = canonicalName === undefined ? addresses : [canonicalName, ...addresses];
  return names.filter((name) => name !== monName);
}
