/**
 * Journal of one epoch: append-only lines of ASCII JSON. One write and one sync make any number of
 * them durable.
 *
 * ```
 * {"peer":"client1","addresses":["10.0.0.7"]}    is to be told; the last line of a peer counts
 * {"gone":"client1"}                             tombstone: is not monitored any more
 * {"told":"client1"}                             was told about older epochs
 * ```
 *
 * A last line without LF was not acknowledged: a crash has cut it off. Any other invalid line may
 * have been a peer, and is counted.
 */

import { jsonObject } from "../json_object.ts";
import { hostNameFault, nameKey } from "../nsm/host_name.ts";
import { asciiJson } from "../quote.ts";
import type { LedgerPeer } from "./ledger.ts";

/** Peers by {@link nameKey}, or nothing but their keys. */
interface Peers {
  set(key: string, peer: LedgerPeer): unknown;
  delete(key: string): boolean;
}

/** Keys of peers, where the peers themselves are not needed. */
export class PeerKeys extends Set<string> implements Peers {
  set(key: string): void {
    this.add(key);
  }
}

/** Sum of a journal. */
export interface JournalSum<P extends Peers = Map<string, LedgerPeer>> {
  /** Peers on record. */
  readonly peers: P;
  /** Keys of peers told of older epochs. */
  readonly told: Set<string>;
  /** Unreadable lines. */
  readonly unread: string[];
  /** Whether the last line is complete, so that another may follow. */
  isWhole: boolean;
}

/** Text that records a peer. */
export function peerText({ monName, addresses }: LedgerPeer): string {
  return asciiJson({ peer: monName, addresses });
}

/** Line that records a peer. */
export function peerLine(peer: LedgerPeer): string {
  return `${peerText(peer)}\n`;
}

/** Line that removes a peer. */
export function goneLine(monName: string): string {
  return `${asciiJson({ gone: monName })}\n`;
}

/** Line that marks a peer as told of older epochs. */
export function toldLine(monName: string): string {
  return `${asciiJson({ told: monName })}\n`;
}

/** Lines parsed per step. */
const STEP_LINES = 50;

/** Adds a journal to a sum, in steps. */
export function* adding(text: string, sum: JournalSum<Peers>): Generator<void> {
  const { peers, told } = sum;
  let start = 0;
  for (let count = 1; start < text.length; count++) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    const line = text.slice(start, end);
    const entry = parseLine(line);
    start = end + 1;
    if (entry === undefined) sum.unread.push(line);
    else if ("monName" in entry) peers.set(nameKey(entry.monName), entry);
    else if ("gone" in entry) peers.delete(nameKey(entry.gone));
    else told.add(nameKey(entry.told));
    if (count % STEP_LINES === 0) yield;
  }
  sum.isWhole = start === text.length;
}

/** Shortest journal with this sum, in pieces; unreadable lines are kept. */
export function* piecesOf({ peers, told, unread }: JournalSum): Generator<string> {
  let piece = "";
  let count = 0;
  for (const line of linesOf({ peers, told, unread })) {
    piece += line;
    if (++count % STEP_LINES > 0) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}

function* linesOf({ peers, told, unread }: Pick<JournalSum, "peers" | "told" | "unread">) {
  for (const name of told) yield toldLine(name);
  for (const peer of peers.values()) yield peerLine(peer);
  for (const line of unread) yield `${line}\n`;
}

/** Sum of an empty journal. */
export function emptySum<P extends Peers>(peers: P): JournalSum<P> {
  return { peers, told: new Set(), unread: [], isWhole: true };
}

type Entry = LedgerPeer | { readonly gone: string } | { readonly told: string };

function parseLine(line: string): Entry | undefined {
  const fields = jsonObject(line);
  if (fields === undefined) return undefined;
  const { gone, told } = fields;
  if (isName(gone)) return { gone };
  if (isName(told)) return { told };
  return parsePeer(fields);
}

/** Peer in the fields of a line; undefined if there is none. */
export function parsePeer(
  { peer, addresses }: Readonly<Record<string, unknown>> = {},
): LedgerPeer | undefined {
  if (!isName(peer) || !Array.isArray(addresses)) return undefined;
  return { monName: peer, addresses: addresses.filter((it) => typeof it === "string") };
}

/** Validates a name: the storage is shared with other machines. */
function isName(value: unknown): value is string {
  return typeof value === "string" && hostNameFault(value) === undefined;
}
