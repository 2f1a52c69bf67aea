/**
 * The journal of one epoch: lines of JSON in ASCII, appended and never changed. One write and one sync
 * make any number of them lasting.
 *
 * ```
 * {"peer":"client1","addresses":["10.0.0.7"]}    is to be told; the last line of a peer counts
 * {"gone":"client1"}                             is not monitored any more
 * {"told":"client1"}                             was told of what older epochs had of it
 * ```
 *
 * A last line without its end was not acknowledged: a crash has cut it off. Anything else that is no such
 * line may have been a peer, and is counted.
 */

import { jsonObject } from "../json_object.ts";
import { hostNameFault, nameKey } from "../nsm/host_name.ts";
import { asciiJson } from "../quote.ts";
import type { LedgerPeer } from "./ledger.ts";

/** What a journal comes to. */
export interface JournalSum {
  /** Who is on record, by {@link nameKey}. */
  readonly peers: Map<string, LedgerPeer>;
  /** Who was told of older epochs, by {@link nameKey}. */
  readonly told: Set<string>;
  /** Lines that cannot be read. */
  readonly unread: string[];
  /** Whether the last line has its end, so that another may follow. */
  isWhole: boolean;
}

/** The line that puts a peer on record. */
export function peerLine({ monName, addresses }: LedgerPeer): string {
  return `${asciiJson({ peer: monName, addresses })}\n`;
}

/** The line that takes a peer off the record. */
export function goneLine(monName: string): string {
  return `${asciiJson({ gone: monName })}\n`;
}

/** The line that says that a peer was told of older epochs. */
export function toldLine(monName: string): string {
  return `${asciiJson({ told: monName })}\n`;
}

/** Lines that are read in one step. */
const STEP_LINES = 50;

/** Adds what a journal says to a sum, in steps. */
export function* adding(text: string, sum: JournalSum): Generator<void> {
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

/** The shortest journal that comes to a sum, in pieces; what cannot be read stays in it. */
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

/** What an empty journal comes to. */
export function emptySum(): JournalSum {
  return { peers: new Map(), told: new Set(), unread: [], isWhole: true };
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

/** The peer in the fields of a line; undefined where there is none. */
export function parsePeer(
  { peer, addresses }: Readonly<Record<string, unknown>> = {},
): LedgerPeer | undefined {
  if (!isName(peer) || !Array.isArray(addresses)) return undefined;
  return { monName: peer, addresses: addresses.filter((it) => typeof it === "string") };
}

/** Names are judged again: the storage is shared with other machines. */
function isName(value: unknown): value is string {
  return typeof value === "string" && hostNameFault(value) === undefined;
}
