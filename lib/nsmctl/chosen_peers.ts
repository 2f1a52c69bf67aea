/** The peers that operands of a command name: the one rule for all commands that do something to peers. */

import { didYouMean } from "../config/nearest.ts";
import { type Peer, peerMatcher } from "./peers.ts";
import { shown } from "./text.ts";

/** What operands mean. */
export interface Chosen {
  /** Each peer once, ordered as in the list. */
  readonly peers: readonly Peer[];
  /** Operands that no peer matches, each with a complaint about it. */
  readonly unknown: readonly { readonly operand: string; readonly complaint: string }[];
}

/** Chooses by name, official name, address, or pattern with `*` and `?`; see {@link peerMatcher}. */
export function choosePeers(operands: readonly string[], peers: readonly Peer[]): Chosen {
  const chosen = new Set<Peer>();
  const unknown: { operand: string; complaint: string }[] = [];
  for (const operand of operands) {
    const found = peers.filter(peerMatcher(operand));
    found.forEach((peer) => chosen.add(peer));
    if (found.length > 0) continue;
    const known = peers.flatMap(({ monName, canonicalName }) => [
      monName,
      ...canonicalName === undefined ? [] : [canonicalName],
      // What people leave out first.
      ...monName.includes(".") ? [monName.slice(0, monName.indexOf("."))] : [],
    ]);
    const guess = fullName(operand, peers) ?? didYouMean(operand, known);
    unknown.push({ operand, complaint: `${shown(operand)} is on no list${guess}` });
  }
  return { peers: peers.filter((peer) => chosen.has(peer)), unknown };
}

/** A guess for the first label of a name. */
function fullName(operand: string, peers: readonly Peer[]): string | undefined {
  const found = peers.find(({ monName }) =>
    monName.toLowerCase().startsWith(`${operand.toLowerCase()}.`)
  );
  return found === undefined ? undefined : `; did you mean "${found.monName}"?`;
}
