/**
 * By which other names and addresses each monitored peer is known: what look-ups have told us, turned
 * around, so that a name or a source address leads to the peers that it may stand for.
 */

import { nameKey } from "./host_name.ts";

/** Most aliases kept for one peer; a name server must not be able to fill our memory. */
const ALIASES_MAX = 32;

const NONE: readonly string[] = [];

export class AliasIndex {
  readonly #aliasesOf = new Map<string, readonly string[]>();
  /** Nearly every alias belongs to one peer, so that one is kept without a set around it. */
  readonly #peersOf = new Map<string, string | Set<string>>();

  /**
   * Sets the aliases of a peer, in place of earlier ones; false if those were the same. Names and
   * addresses are both aliases.
   */
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

  /** All peers of which something was learned; changes meanwhile are allowed. */
  peers(): Iterable<string> {
    return this.#aliasesOf.keys();
  }

  /** Whether anything was learned of a peer. */
  knows(peer: string): boolean {
    return this.#aliasesOf.has(nameKey(peer));
  }

  /** What is known of a peer. */
  aliasesOf(peer: string): readonly string[] {
    return this.#aliasesOf.get(nameKey(peer)) ?? NONE;
  }

  /** The peers for which a name or address may stand, in the form in which names are compared. */
  peersOf(alias: string): Iterable<string> {
    const peers = this.#peersOf.get(nameKey(alias)) ?? NONE;
    return typeof peers === "string" ? [peers] : peers;
  }
}
