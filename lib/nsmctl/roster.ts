/** Source of the peers for commands: the daemon if it runs, else the state directory. */

import { nameKey } from "../nsm/host_name.ts";
import { ANSWER_TIMEOUT_MS, reachDaemon } from "../control/client.ts";
import { plural } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { addFacts, type DatedRecord, type Peer, PeerTable } from "./peers.ts";
import type { Session } from "./session.ts";
import { readProgress } from "../store/notify_progress.ts";
import { type ReadFile, StateReader } from "./state_directory.ts";
import { whyJudge } from "./why.ts";

/**
 * Limit of peers for which file times and the peer memory are read, since that takes too long for
 * more. A pattern helps.
 */
const DETAILS_MAX = 1_000;
/** Maximum number of read errors printed one by one. */
const UNREAD_SHOWN_MAX = 10;

export interface Roster {
  readonly peers: readonly Peer[];
  /** Whether the daemon has answered. */
  readonly isLive: boolean;
  /** Why the daemon has not answered, for display. */
  readonly note?: string;
  /** Read errors of files or of a whole list, whose peers are missing from `peers`. */
  readonly unread: readonly string[];
}

/**
 * Reads the peers that `isWanted`; `allDetails`: for any number of peers. `timeoutMs` applies to
 * the daemon's answers.
 *
 * @throws {Error} When neither source can be read.
 */
export async function readRoster(
  stateDirectoryPath: string,
  isWanted: (peer: Peer) => boolean = () => true,
  { allDetails = false, timeoutMs = ANSWER_TIMEOUT_MS, now = Date.now } = {},
): Promise<Roster> {
  const reader = new StateReader(stateDirectoryPath);
  const table = new PeerTable();
  const unread: string[] = [];
  let listFault: unknown;
  const reached = await reachDaemon(stateDirectoryPath, timeoutMs);
  if (reached.outcome === "reached") {
    using daemon = reached.daemon;
    for (const entry of await daemon.list()) table.addEntry(entry);
  } else {
    try {
      addFiles(reader.monitorList(unread), (it) => table.addMonitored(it));
    } catch (error) {
      listFault = error;
      unread.push(reasonOf(error));
    }
  }
  let hidden: string | undefined;
  try {
    addFiles(reader.notifyList(unread), (it) => table.addToBeNotified(it));
  } catch (error) {
    if (listFault !== undefined) throw listFault;
    // Members of the status group have the remaining peers from the daemon.
    if (reached.outcome === "reached" && /Permission denied/.test(reasonOf(error))) {
      hidden = `${reasonOf(error)}: peers still to be told are not shown`;
    } else unread.push(reasonOf(error));
  }
  const peers = table.sorted();
  if (reached.outcome !== "reached") {
    addAllFacts(peers, reader);
    const note = reached.outcome === "absent"
      ? "no daemon serves this state directory; this is what the files say"
      : `the daemon does not answer (${reached.reason}); this is what the files say`;
    const wanted = peers.filter(isWanted);
    addReasons(wanted, stateDirectoryPath, now());
    return { peers: wanted, isLive: false, note, unread };
  }
  const wanted = peers.filter(isWanted);
  if (allDetails || wanted.length <= DETAILS_MAX) {
    addAllFacts(wanted, reader);
    for (const peer of wanted) {
      if (peer.since === undefined) {
        const since = reader.since(peer.monName);
        if (since !== undefined) peer.since = since;
      }
    }
  }
  addReasons(wanted, stateDirectoryPath, now());
  const note = hidden === undefined ? {} : { note: hidden };
  return { peers: wanted, isLive: true, ...note, unread };
}

function addFiles(files: readonly ReadFile[], add: (record: DatedRecord) => void): void {
  for (const { records } of files) records.forEach(add);
}

const DENIED = "Permission denied";

/** Prints read errors; returns true if there are none. */
export function tellUnread(
  unread: readonly string[],
  { terminal, programName }: Pick<Session, "terminal" | "programName">,
): boolean {
  if (unread.length === 0) return true;
  for (const fault of unread.slice(0, UNREAD_SHOWN_MAX)) {
    terminal.complain(`${programName}: ${fault}`);
  }
  const rest = unread.length - UNREAD_SHOWN_MAX;
  const more = rest > 0 ? `${plural(rest, "more fault")} like these. ` : "";
  const isOfAnother = Deno.uid() !== 0 && unread.some((fault) => fault.includes(DENIED));
  const advice = isOfAnother ? "this needs root" : "nsmctl repair mends owner and permissions";
  terminal.complain(`${programName}: ${more}Unreadable records are left out; ${advice}`);
  return false;
}

function addAllFacts(peers: readonly Peer[], reader: StateReader): void {
  const facts = reader.facts();
  for (const peer of peers) addFacts(peer, facts.get(nameKey(peer.monName)));
}

function addReasons(peers: readonly Peer[], stateDirectoryPath: string, now: number): void {
  const whyOf = whyJudge(readProgress(stateDirectoryPath), now);
  for (const peer of peers) {
    const why = whyOf(peer);
    if (why !== undefined) peer.why = why;
  }
}
