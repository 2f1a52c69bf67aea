/** The peers as people see them: what the two lists and the peer memory say, put together by name. */

import { nameKey } from "../../nsm/host_name.ts";
import type { MonitorRecord, PeerFacts } from "../../nsm/ports.ts";

/** A record, and when it was written, where that is known. */
export interface DatedRecord {
  readonly record: Pick<MonitorRecord, "monName" | "myName" | "myProg" | "myVers" | "myProc">;
  /** Milliseconds since 1970. */
  readonly since?: number;
}

/** Everything known of one peer. */
export interface Peer {
  readonly monName: string;
  isMonitored: boolean;
  isToBeNotified: boolean;
  /** Who asked, in the monitor list first. */
  readonly requests: DatedRecord[];
  readonly facts: PeerFacts;
}

const NOTHING: PeerFacts = { addresses: [] };

/** Puts the lists together, ordered by name. */
export function peersOf(
  monitored: readonly DatedRecord[],
  toBeNotified: readonly DatedRecord[],
  facts: ReadonlyMap<string, PeerFacts>,
): Peer[] {
  const peers = new Map<string, Peer>();
  const peerOf = (monName: string): Peer => {
    const key = nameKey(monName);
    let peer = peers.get(key);
    if (peer === undefined) {
      peer = {
        monName,
        isMonitored: false,
        isToBeNotified: false,
        requests: [],
        facts: facts.get(key) ?? NOTHING,
      };
      peers.set(key, peer);
    }
    return peer;
  };
  for (const dated of monitored) {
    const peer = peerOf(dated.record.monName);
    peer.isMonitored = true;
    peer.requests.push(dated);
  }
  for (const dated of toBeNotified) {
    const peer = peerOf(dated.record.monName);
    peer.isToBeNotified = true;
    peer.requests.push(dated);
  }
  return [...peers.values()].sort(byName);
}

/** When the oldest request was made; undefined where no time is known. */
export function sinceOf({ requests }: Peer): number | undefined {
  let oldest: number | undefined;
  for (const { since } of requests) {
    if (since !== undefined && !(oldest !== undefined && oldest < since)) oldest = since;
  }
  return oldest;
}

/** The different my_names of a peer's requests. */
export function askersOf({ requests }: Peer): string[] {
  return [...new Set(requests.map(({ record }) => record.myName))];
}

/** Whether a peer's name, official name or an address matches a pattern with `*` and `?`. */
export function peerMatcher(pattern: string): (peer: Peer) => boolean {
  const source = nameKey(pattern).replace(
    /[^a-z0-9]/g,
    (character) => character === "*" ? ".*" : character === "?" ? "." : `\\${character}`,
  );
  const expression = new RegExp(`^${source}$`, "su");
  return ({ monName, facts }) =>
    [monName, facts.canonicalName ?? "", ...facts.addresses]
      .some((name) => name !== "" && expression.test(nameKey(name)));
}

function byName(a: Peer, b: Peer): number {
  return a.monName < b.monName ? -1 : a.monName > b.monName ? 1 : 0;
}
