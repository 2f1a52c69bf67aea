/** Peers for display: the two lists and the peer memory, joined by name. */

import { nameKey } from "../nsm/host_name.ts";
import { normaliseAddress } from "../rpc/address.ts";
import type { MonitorRecord, PeerFacts } from "../nsm/ports.ts";
import { type ListEntry, NO_SUCH_HOST } from "../control/protocol.ts";

/** Requester of a registration. */
export type Request = Pick<MonitorRecord, "myName" | "myProg" | "myVers" | "myProc">;

/** Everything known about one peer; times are in ms since 1970. */
export interface Peer {
  readonly monName: string;
  isMonitored: boolean;
  isToBeNotified: boolean;
  /** Requests from both lists, the monitor list's first. */
  readonly requests: Request[];
  /** Begin with the name, if that is an address. */
  addresses: readonly string[];
  canonicalName?: string;
  since?: number;
  /** The name service has answered that the host does not exist. */
  isAbsent?: true;
  /** State in the peer's last notice, and its arrival. */
  lastState?: number;
  heardAt?: number;
  /** Time when the peer was told of our reboot. */
  toldAt?: number;
  /** Why it was not told, or may not be recognised. */
  why?: string;
}

/** Record of a list, with the modification time of its file. */
export interface DatedRecord {
  readonly record: Request & Pick<MonitorRecord, "monName">;
  readonly since: number;
}

const NO_ADDRESSES: readonly string[] = [];
/** Index of the first alias in an entry. */
const FIRST_ALIAS = 8;

/** Builder of the peers, by name. */
export class PeerTable {
  readonly #peers = new Map<string, Peer>();

  addMonitored(dated: DatedRecord): void {
    this.#add(dated).isMonitored = true;
  }

  addToBeNotified(dated: DatedRecord): void {
    this.#add(dated).isToBeNotified = true;
  }

  /** Adds a registration reported by the daemon. */
  addEntry(entry: ListEntry): void {
    // By index: in unoptimised code, destructuring an array is several times slower.
    const peer = this.#peerOf(entry[0]);
    peer.isMonitored = true;
    peer.requests.push({ myName: entry[1], myProg: entry[2], myVers: entry[3], myProc: entry[4] });
    if (entry[5] !== 0) note(peer, entry[5]);
    if (entry[6] !== 0) peer.lastState = entry[6];
    if (entry[7] !== 0) peer.heardAt = entry[7];
    if (entry.length === FIRST_ALIAS) return;
    const aliases = entry.slice(FIRST_ALIAS) as string[];
    if (aliases[0] === NO_SUCH_HOST) {
      peer.isAbsent = true;
      return;
    }
    peer.addresses = [...new Set([...peer.addresses, ...aliases.filter(looksLikeAddress)])];
    const canonicalName = aliases.find((alias) => !looksLikeAddress(alias));
    if (canonicalName !== undefined) peer.canonicalName = canonicalName;
  }

  /** All peers, ordered by name. */
  sorted(): Peer[] {
    return [...this.#peers.values()].sort(byName);
  }

  #add({ record, since }: DatedRecord): Peer {
    const peer = this.#peerOf(record.monName);
    if (!peer.requests.some((known) => isSameRequest(known, record))) peer.requests.push(record);
    note(peer, since);
    return peer;
  }

  #peerOf(monName: string): Peer {
    const key = nameKey(monName);
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      peer = {
        monName,
        isMonitored: false,
        isToBeNotified: false,
        requests: [],
        addresses: looksLikeAddress(monName) ? [monName] : NO_ADDRESSES,
      };
      this.#peers.set(key, peer);
    }
    return peer;
  }
}

/** Adds facts from the peer memory, except where better ones are known. */
export function addFacts(peer: Peer, facts: PeerFacts | undefined): void {
  if (facts === undefined) return;
  const { canonicalName, lastState, heardAt, toldAt } = facts;
  if (peer.addresses.every((address) => address === peer.monName)) {
    peer.addresses = [...new Set([...peer.addresses, ...facts.addresses])];
  }
  if (canonicalName !== undefined) peer.canonicalName ??= canonicalName;
  if (lastState !== undefined) peer.lastState ??= lastState;
  if (heardAt !== undefined) peer.heardAt ??= heardAt;
  if (toldAt !== undefined) peer.toldAt ??= toldAt;
}

/** Distinct my_names of a peer's registrations. */
export function askersOf({ requests }: Peer): string[] {
  if (requests.length === 1) return [requests[0]!.myName];
  return [...new Set(requests.map(({ myName }) => myName))];
}

/**
 * Matcher of a peer's name, canonical name or address against a pattern with `*` and `?`, or against
 * an address in any spelling, also in brackets.
 */
export function peerMatcher(pattern: string): (peer: Peer) => boolean {
  const wanted = normaliseAddress(pattern.replace(/^\[(.*)\]$/, "$1"));
  if (wanted !== undefined) {
    return ({ monName, addresses }) =>
      [monName, ...addresses].some((name) => normaliseAddress(name) === wanted);
  }
  const source = nameKey(pattern).replace(
    /[^a-z0-9]/g,
    (character) => character === "*" ? ".*" : character === "?" ? "." : `\\${character}`,
  );
  const expression = new RegExp(`^${source}$`, "s");
  return ({ monName, canonicalName, addresses }) =>
    [monName, canonicalName ?? "", ...addresses]
      .some((name) => name !== "" && expression.test(nameKey(name)));
}

function isSameRequest(a: Request, b: Request): boolean {
  return a.myName === b.myName && a.myProg === b.myProg && a.myVers === b.myVers &&
    a.myProc === b.myProc;
}

/** The oldest time counts. */
function note(peer: Peer, since: number): void {
  if (!(peer.since !== undefined && peer.since <= since)) peer.since = since;
}

function looksLikeAddress(alias: string): boolean {
  return alias.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(alias);
}

function byName(a: Peer, b: Peer): number {
  return a.monName < b.monName ? -1 : a.monName > b.monName ? 1 : 0;
}
