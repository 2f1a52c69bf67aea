/**
 * Lines of the file `sm/.peers`, each an object of ASCII JSON. The last line of a peer counts:
 *
 * ```
 * peer           mon_name in lower case
 * addresses      as in PeerFacts, like most following fields; a line without addresses is a tombstone
 * reached        addresses that go ahead of the earlier ones, from sm-notify
 * canonicalName
 * lastState
 * transport
 * port
 * toldAt
 * heardAt
 * lastNotice
 * lastAnswer
 * passedOn
 * also           true: the line is merged into earlier ones, instead of replacing them
 * ```
 */

import { asciiJson } from "../quote.ts";
import { jsonObject } from "../json_object.ts";
import type { PeerFacts } from "../nsm/ports.ts";

/** Longest line that is read. */
const LINE_MAX_BYTES = 8192;
/** Limit of addresses per peer, as of its aliases in memory: merged ones must not grow without end. */
const ADDRESSES_MAX = 32;

/** Facts in a line, without the peer's name. */
export type LineFacts = Partial<PeerFacts> & {
  readonly also?: true;
  readonly reached?: readonly string[];
};

/** Formats a line. */
export function lineOf(peer: string, facts: LineFacts): string {
  return `${asciiJson({ peer, ...facts })}\n`;
}

/** Applies a line; the newest peer is last in the map. */
export function learn(known: Map<string, PeerFacts>, line: string): void {
  const fields = fieldsOf(line);
  if (typeof fields?.peer !== "string") return;
  const before = fields.also === true ? known.get(fields.peer) ?? { addresses: [] } : {};
  known.delete(fields.peer);
  const facts = factsOf(withReached({ ...before, ...fields }));
  if (facts !== undefined) known.set(fields.peer, facts);
}

/** Ignores half a line, and other programs' lines. */
function fieldsOf(line: string): Readonly<Record<string, unknown>> | undefined {
  return line.length > LINE_MAX_BYTES ? undefined : jsonObject(line);
}

function withReached(fields: Record<string, unknown>): Record<string, unknown> {
  const { reached, addresses } = fields;
  if (!areTexts(reached) || !areTexts(addresses)) return fields;
  return { ...fields, addresses: [...new Set([...reached, ...addresses])].slice(0, ADDRESSES_MAX) };
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((it) => typeof it === "string");
}

function factsOf(fields: Record<string, unknown>): PeerFacts | undefined {
  const { addresses, canonicalName, lastState, heardAt, passedOn } = fields;
  const { lastNotice, lastAnswer, transport, port, toldAt } = fields;
  if (!areTexts(addresses)) return undefined;
  return {
    addresses,
    ...(typeof canonicalName === "string" ? { canonicalName } : {}),
    ...(isState(lastState) ? { lastState } : {}),
    ...(isState(passedOn) ? { passedOn } : {}),
    ...(isOwed(passedOn) ? { passedOn } : {}),
    ...(isIntegerWithin(heardAt, 0, Number.MAX_SAFE_INTEGER) ? { heardAt } : {}),
    ...(isIntegerWithin(lastNotice, 1, Number.MAX_SAFE_INTEGER) ? { lastNotice } : {}),
    ...(isIntegerWithin(lastAnswer, 1, Number.MAX_SAFE_INTEGER) ? { lastAnswer } : {}),
    ...(transport === "udp" || transport === "tcp" ? { transport } : {}),
    ...(isIntegerWithin(port, 1, 0xffff) ? { port } : {}),
    ...(isIntegerWithin(toldAt, 0, Number.MAX_SAFE_INTEGER) ? { toldAt } : {}),
  };
}

function isOwed(value: unknown): value is readonly [number | null, ...number[]] {
  if (!Array.isArray(value)) return false;
  const [first, ...tried] = value;
  return (first === null || isState(first)) && tried.every(isState);
}

function isState(value: unknown): value is number {
  return isIntegerWithin(value, -0x80000000, 0x7fffffff);
}

function isIntegerWithin(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}
