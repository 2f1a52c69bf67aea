/**
 * Alias index: the names and addresses of each monitored peer, from look-ups, and the reverse map
 * from a name or source address to the peers that it may stand for.
 */

import { nameKey } from "./host_name.ts";

/** Limit of aliases per peer. A name server must not be able to fill our memory. */
const ALIASES_MAX = 32;

const NONE: readonly string[] = [];

export class AliasIndex {
  readonly #aliasesOf = new Map<string, readonly string[]>();
  /** A plain string where an alias belongs to one peer, which is nearly always: a set costs more. */
  readonly #peersOf = new Map<string, string | Set<string>>();

  /** Replaces the aliases of a peer (names and addresses); false if they did not change. */
  learn(peer: string, aliases: Iterable<string>): boolean {
    const key = nameKey(peer);
    const others = new Set([...aliases].map(nameKey));
    others.delete(key);
    // An exact-size copy: V8 over-allocates arrays that are built with push().
    const kept = [...others].slice(0, ALIASES_MAX);
    const before = this.#aliasesOf.get(key);
    if (before?.length === kept.length && before.every((alias, i) => alias === kept[i])) {
      return false;
    }
    this.forget(key);
    for (const alias of kept) {
      const peers = this.#peersOf.get(alias);
      if (peers === undefined) this.#peersOf.set(alias, key);
      else if (typeof peers === "string") this.#peersOf.set(alias, new Set([peers, key]));
      else peers.add(key);
    }
    this.#aliasesOf.set(key, kept.length === 0 ? NONE : kept);
    return true;
  }

  /** Forgets a peer. */
  forget(peer: string): void {
    const key = nameKey(peer);
    for (const alias of this.#aliasesOf.get(key) ?? NONE) {
      const peers = this.#peersOf.get(alias);
      if (typeof peers === "object") peers.delete(key);
      if (peers === key || (typeof peers === "object" && peers.size === 0)) {
        this.#peersOf.delete(alias);
      }
    }
    this.#aliasesOf.delete(key);
  }

  /** Peers with aliases; may be changed during iteration. */
  peers(): Iterable<string> {
    return this.#aliasesOf.keys();
  }

  /** Whether a look-up for the peer has succeeded. */
  knows(peer: string): boolean {
    return this.#aliasesOf.has(nameKey(peer));
  }

  /** Aliases of a peer; empty if unknown. */
  aliasesOf(peer: string): readonly string[] {
    return this.#aliasesOf.get(nameKey(peer)) ?? NONE;
  }

  /** Keys of the peers for which a name or address may stand. */
  peersOf(alias: string): Iterable<string> {
    const peers = this.#peersOf.get(nameKey(alias)) ?? NONE;
    return typeof peers === "string" ? [peers] : peers;
  }
}
