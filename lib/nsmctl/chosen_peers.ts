/** Choice of peers by operands, with one rule for all commands. */

import { didYouMean } from "../config/nearest.ts";
import { type Peer, peerMatcher } from "./peers.ts";
import { shown } from "./text.ts";

/** Result of a choice. */
export interface Chosen {
  /** Chosen peers without duplicates, in list order. */
  readonly peers: readonly Peer[];
  /** Operands that match no peer, with a message for each. */
  readonly unknown: readonly { readonly operand: string; readonly complaint: string }[];
}

/** Chooses by name, canonical name, address, or pattern with `*` and `?`; see {@link peerMatcher}. */
export function choosePeers(
  operands: readonly string[],
  peers: readonly Peer[],
  isAllRead = true,
): Chosen {
  const chosen = new Set<Peer>();
  const absence = isAllRead ? "is on no list" : "is on no list, as far as it can be read";
  const unknown: { operand: string; complaint: string }[] = [];
  for (const operand of operands) {
    const found = peers.filter(peerMatcher(operand));
    found.forEach((peer) => chosen.add(peer));
    if (found.length > 0) continue;
    const known = peers.flatMap(({ monName, canonicalName }) => [
      monName,
      ...canonicalName === undefined ? [] : [canonicalName],
      // Users usually type the first label.
      ...monName.includes(".") ? [monName.slice(0, monName.indexOf("."))] : [],
    ]);
    const guess = fullName(operand, peers) ?? didYouMean(operand, known);
    unknown.push({ operand, complaint: `${shown(operand)} ${absence}${guess}` });
  }
  return { peers: peers.filter((peer) => chosen.has(peer)), unknown };
}

/** Suggestion for a first label. */
function fullName(operand: string, peers: readonly Peer[]): string | undefined {
  const found = peers.find(({ monName }) =>
    monName.toLowerCase().startsWith(`${operand.toLowerCase()}.`)
  );
  return found === undefined ? undefined : `; did you mean "${found.monName}"?`;
}
