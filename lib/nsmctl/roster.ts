/** Where commands get the peers from: the daemon where one runs, the state directory where none does. */

import { nameKey } from "../nsm/host_name.ts";
import { reasonOf } from "../nsm/ports.ts";
import { ANSWER_TIMEOUT_MS, reachDaemon } from "../control/client.ts";
import { addFacts, type Peer, PeerTable } from "./peers.ts";
import { readProgress } from "../store/notify_progress.ts";
import { StateReader } from "./state_directory.ts";
import { whyJudge } from "./why.ts";

/**
 * Peers up to which each file is looked at for its time, and the peer memory read: beyond, a list would
 * take longer than anybody wants to wait. A pattern brings them back.
 */
const DETAILS_MAX = 1_000;

export interface Roster {
  readonly peers: readonly Peer[];
  /** Whether the daemon has told. */
  readonly isLive: boolean;
  /** Why it has not, for people. */
  readonly note?: string;
}

/**
 * Reads the peers that `isWanted`; `allDetails` whatever that takes. The daemon may be silent for
 * `timeoutMs`.
 *
 * @throws {Error} When neither is to be had.
 */
export async function readRoster(
  stateDirectoryPath: string,
  isWanted: (peer: Peer) => boolean = () => true,
  { allDetails = false, timeoutMs = ANSWER_TIMEOUT_MS, now = Date.now } = {},
): Promise<Roster> {
  const reader = new StateReader(stateDirectoryPath);
  const table = new PeerTable();
  const reached = await reachDaemon(stateDirectoryPath, timeoutMs);
  if (reached.outcome === "reached") {
    using daemon = reached.daemon;
    for (const entry of await daemon.list()) table.addEntry(entry);
  } else {
    for (const { records } of reader.monitorList()) records.forEach((it) => table.addMonitored(it));
  }
  let hidden: string | undefined;
  try {
    for (const { records } of reader.notifyList()) {
      records.forEach((it) => table.addToBeNotified(it));
    }
  } catch (error) {
    // A member of the status group, to whom the daemon has told the rest.
    if (reached.outcome !== "reached" || !/Permission denied/.test(reasonOf(error))) throw error;
    hidden = `${reasonOf(error)}: who is still to be told is not shown`;
  }
  const peers = table.sorted();
  if (reached.outcome !== "reached") {
    addAllFacts(peers, reader);
    const note = reached.outcome === "absent"
      ? "no daemon serves this state directory; this is what the files say"
      : `the daemon does not answer (${reached.reason}); this is what the files say`;
    const wanted = peers.filter(isWanted);
    addReasons(wanted, stateDirectoryPath, now());
    return { peers: wanted, isLive: false, note };
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
  return { peers: wanted, isLive: true, ...(hidden === undefined ? {} : { note: hidden }) };
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
