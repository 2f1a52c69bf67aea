/** `nsmctl list`: monitored peers, and peers still to be told of our reboot. */

import { filled } from "../config/help_text.ts";
import { didYouMean } from "../config/nearest.ts";
import { printable } from "../quote.ts";
import type { Colours } from "./terminal.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import { askersOf, type Peer, peerMatcher } from "./peers.ts";
import { readRoster, type Roster, tellUnread } from "./roster.ts";
import type { Session } from "./session.ts";
import { type Cell, type Column, layTable } from "./table.ts";
import { ageText, isoText, jsonText, shown } from "./text.ts";

/** Column with its name on the command line, and its contents. */
interface PeerColumn extends Column {
  readonly word: string;
  cell(peer: Peer, at: number, colours: Colours): Cell;
}

const COLUMNS: readonly PeerColumn[] = [
  {
    word: "m",
    title: "M",
    cell: ({ isMonitored }, _at, { good }) => isMonitored ? { text: "M", paint: good } : "",
  },
  {
    word: "n",
    title: "N",
    cell: ({ isToBeNotified }, _at, { warning }) =>
      isToBeNotified ? { text: "N", paint: warning } : "",
  },
  {
    word: "peer",
    title: "PEER",
    endsHead: true,
    cell: ({ monName }) => shown(monName),
  },
  {
    word: "asked-by",
    title: "ASKED BY",
    mayShrink: true,
    mayGo: true,
    cell: (peer) => namesText(askersOf(peer)),
  },
  { word: "age", title: "AGE", cell: ({ since }, at) => ageText(since, at) },
  {
    word: "addresses",
    title: "ADDRESSES",
    mayShrink: true,
    cell: (peer) => namesText(otherNames(peer)),
  },
  { word: "heard", title: "HEARD", cell: ({ heardAt }, at) => ageText(heardAt, at) },
  { word: "told", title: "TOLD", cell: ({ toldAt }, at) => ageText(toldAt, at) },
  {
    word: "why",
    title: "WHY NOT",
    mayShrink: true,
    cell: ({ why = "" }, _at, { warning }) => ({ text: printable(why), paint: warning }),
  },
];
const WORDS = COLUMNS.map(({ word }) => word);

const NOBODY = "No peers.";

/** Sort orders by name: the longest on a list first, the latest news first. */
const ORDERS: Readonly<Record<string, (a: Peer, b: Peer) => number>> = {
  name: () => 0,
  age: (a, b) => (a.since ?? Infinity) - (b.since ?? Infinity),
  heard: (a, b) => (b.heardAt ?? 0) - (a.heardAt ?? 0),
  told: (a, b) => (b.toldAt ?? 0) - (a.toldAt ?? 0),
};

export const list: Command = {
  name: "list",
  summary: "Show monitored peers and peers still to be told of our reboot.",
  operands: "[PATTERN]",
  operandsMin: 0,
  operandsMax: 1,
  options: [
    { letter: "j", long: "json", help: "Print JSON." },
    { letter: "n", long: "pending", help: "Only peers still to be told." },
    { letter: "u", long: "unresolved", help: "Only monitored peers without a known address." },
    {
      letter: "s",
      long: "sort",
      argument: "ORDER",
      help: "name; age: longest on a list first; heard or told: latest first.",
    },
    {
      letter: "o",
      long: "columns",
      argument: "COLUMNS",
      help: `Columns, separated by commas: ${WORDS.join(", ")}.`,
    },
    { long: "no-header", help: "Print neither titles nor totals." },
    TIMEOUT_OPTION,
  ],
  details: [
    "M: monitored. N: to be notified of our last reboot.",
    "AGE: time on a list. HEARD: time since its last notice of a reboot. TOLD: time since our last " +
    "notice to it. WHY NOT: why it has not been told yet, or why its reboot may not be recognised.",
    "A time is ? if the clock was wrong when it was noted, or is wrong now.",
    "PATTERN is matched with names and addresses; * and ? are wildcards.",
    "Beyond 1000 peers of a running daemon, times and addresses known only from files are omitted, " +
    "except when sorting by a time.",
    "Exit status: 0; 1 if no peer matches, or a record cannot be read.",
  ],
  example: "nsmctl list --pending --sort=age '*.example.net'",
  takesPeers: true,
  async run(given, session) {
    const { stateDirectoryPath, terminal, programName } = session;
    const [pattern] = given.operands;
    const order = given.get("sort") ?? "name";
    const columns = given.get("columns")?.split(",").map((word) => word.trim());
    const fault = faultOf(order, Object.keys(ORDERS)) ??
      columns?.map((word) => faultOf(word, WORDS)).find((it) => it !== undefined);
    if (fault !== undefined) {
      terminal.complain(`${programName}: ${fault}\nTry: ${programName} list --help`);
      return Status.USAGE;
    }
    const isChosen = pattern === undefined ? () => true : peerMatcher(pattern);
    const isWanted = (peer: Peer) =>
      isChosen(peer) && (!given.has("pending") || peer.isToBeNotified);
    const allDetails = order !== "name";
    const roster = await readRoster(stateDirectoryPath, isWanted, { ...session, allDetails });
    const isSelected = pattern !== undefined || given.has("pending") || given.has("unresolved");
    const isUnresolved = ({ isMonitored, addresses }: Peer) =>
      isMonitored && addresses.length === 0;
    const peers = roster.peers
      .filter((peer) => !given.has("unresolved") || isUnresolved(peer))
      .toSorted(ORDERS[order]);
    if (given.has("json")) terminal.print(jsonText(listJson({ ...roster, peers }, session)));
    else {
      if (roster.note !== undefined) terminal.complain(`${programName}: ${roster.note}`);
      const isBare = given.has("no-header") || roster.unread.length > 0 && peers.length === 0;
      const nobody = pattern !== undefined
        ? `No peer matches ${shown(pattern)}.`
        : isSelected
        ? "No such peer."
        : NOBODY;
      terminal.print(listText(peers, session, { isBare, columns: columns ?? WORDS, nobody }));
      if (!isBare) terminal.print(sumsText(peers, terminal));
    }
    if (!tellUnread(roster.unread, session)) return Status.PROBLEM;
    return isSelected && peers.length === 0 ? Status.PROBLEM : Status.OK;
  },
};

function faultOf(word: string, words: readonly string[]): string | undefined {
  if (words.includes(word)) return undefined;
  return `"${printable(word)}" is none of ${words.join(", ")}${didYouMean(word, words)}`;
}

/** Sums of the list, after a blank line. */
function sumsText(peers: readonly Peer[], { colours, width }: Session["terminal"]): string {
  if (peers.length === 0) return "";
  const count = (isOne: (peer: Peer) => boolean) => peers.filter(isOne).length;
  const sums: readonly (readonly [count: number, what: string])[] = [
    [count(({ isMonitored }) => isMonitored), "monitored"],
    [count(({ isToBeNotified }) => isToBeNotified), "to be told"],
    [count((peer) => peer.isMonitored && peer.addresses.length === 0), "without a known address"],
  ];
  const text = sums.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return `\n${colours.faint(filled(text.join(", "), width, 0))}\n`;
}

/** Style of a list. */
interface ListStyle {
  /** Without titles, and without a text for an empty list. */
  readonly isBare?: boolean;
  readonly columns?: readonly string[];
  /** Text for an empty list. */
  readonly nobody?: string;
}

/** Table of the peers, with a note if it is shortened; or the text for an empty list. */
export function listText(
  peers: readonly Peer[],
  { terminal, now }: Pick<Session, "terminal" | "now">,
  { isBare = false, columns = WORDS, nobody = NOBODY }: ListStyle = {},
): string {
  if (peers.length === 0) return isBare ? "" : `${nobody}\n`;
  const { colours, width } = terminal;
  const at = now();
  const shownColumns = columns.map((word) => COLUMNS.find((column) => column.word === word)!);
  const rows = peers.map((peer) => shownColumns.map(({ cell }) => cell(peer, at, colours)));
  const { text, isWhole } = layTable(shownColumns, rows, width, colours, isBare);
  const note =
    `Shortened to ${width} columns; nsmctl show HOST, or a pipe to less -S, has all of it.`;
  return isWhole || isBare ? text : `${text}\n${colours.faint(filled(note, width, 0))}\n`;
}

/** Peers as JSON; `conf/nsmctl.schema.json` describes it. */
export function listJson(
  { peers, isLive, unread }: Roster,
  { stateDirectoryPath }: Pick<Session, "stateDirectoryPath">,
) {
  return {
    stateDirectory: stateDirectoryPath,
    daemon: isLive,
    peers: peers.map(peerJson),
    ...(unread.length === 0 ? {} : { unread }),
  };
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

/** Canonical name and addresses, unless shown in the first column. */
function otherNames({ monName, canonicalName, addresses }: Peer): readonly string[] {
  if (addresses.length === 0 && canonicalName === undefined) return addresses;
  const names = canonicalName === undefined ? addresses : [canonicalName, ...addresses];
  return names.filter((name) => name !== monName);
}
