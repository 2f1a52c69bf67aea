/**
 * What is known of the monitored peers: their official names and addresses. It is found out after a
 * peer was registered, in the background, kept over restarts, and used to tell whom an SM_NOTIFY
 * speaks of. Nothing here is on the path of a reply.
 *
 * Source: nfs-utils' matching rules (a notice concerns a host if its name, an alias that DNS knows, or
 * its source address is one of the host's).
 */

import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import { quote } from "../quote.ts";
import { AliasIndex } from "./alias_index.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";
import { nameKey } from "./host_name.ts";
import type { PeerMemory, Resolver } from "./ports.ts";
import type { Clock } from "../time/clock.ts";

/** Look-ups for new peers at one time; the resolver's other slots stay free for notices. */
const LEARNING_AT_ONCE = 4;
/**
 * Pause before the first look-up for new peers, in ms. A lock manager that registers a peer has more to
 * ask for, and many a peer is monitored for the moment of one lock: nobody has to know it. Whatever it
 * sends meanwhile is matched by asking the name service then.
 */
const LEARNING_DELAY_MS = 250;
/**
 * Pause before each further look-up, in ms. After a start with thousands of peers the look-ups, which
 * take threads, leave the processors to the calls: at full speed they made SM_MON with 50,000 peers
 * take 20 ms, for half a minute.
 */
const LEARNING_PAUSE_MS = 1;
/** First pause before names without an answer are asked again, in ms; it doubles each time. */
const RELEARN_MIN_MS = 30_000;
/** Longest pause, in ms: an hour is the common time to live of a DNS record. */
const RELEARN_MAX_MS = 3_600_000;

/** What the directory works with. */
export interface DirectoryParts {
  readonly resolver: Resolver;
  readonly memory: PeerMemory;
  readonly clock: Clock;
  readonly log: Log;
  /** Says within limits what may be so of thousands of peers at once, when the name service is away. */
  readonly tell: LimitedLog;
}

/** The aliases of one host, or why there are none yet. */
type Learned =
  | { readonly aliases: readonly string[]; readonly canonicalName?: string }
  | { readonly fault: string };

export class PeerDirectory {
  readonly #parts: DirectoryParts;
  readonly #index = new AliasIndex();
  /** Peers in line for a look-up, by key. */
  readonly #waiting = new Set<string>();
  /** Peers of which nothing could be found out, by key. */
  readonly #unknown = new Set<string>();
  /** Names that no look-up has to confirm, by key. */
  readonly #givenNames = new Map<string, readonly string[]>();
  /** The states that peers had in an earlier life of the daemon, by key. */
  readonly #lastStates = new Map<string, number>();
  /** Those of which not everybody was told in that life. */
  readonly #owed = new Set<string>();
  #learning = 0;
  #cancelLearning: (() => void) | undefined;
  #relearnPauseMs = RELEARN_MIN_MS;
  #cancelRelearn: (() => void) | undefined;
  #isStopped = false;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
  }

  /** Takes over what an earlier life has learned, in small steps. */
  *remember(): Iterable<void> {
    for (const [peer, facts] of yield* this.#parts.memory.loadInSteps()) {
      const aliases = withCanonical(facts.addresses, facts.canonicalName);
      if (aliases.length > 0) this.#index.learn(peer, aliases);
      if (facts.lastState !== undefined) this.#lastStates.set(peer, facts.lastState);
      if (facts.lastState !== facts.passedOn) this.#owed.add(peer);
      yield;
    }
  }

  /** Whether everything that the name service can tell of the peers is known. */
  get isComplete(): boolean {
    return this.#learning === 0 && this.#waiting.size === 0 && this.#unknown.size === 0;
  }

  /** Peers of which nothing could be found out so far. */
  get unresolved(): number {
    return this.#unknown.size;
  }

  /** Other names and addresses of a peer. */
  aliasesOf(monName: string): readonly string[] {
    return this.#index.aliasesOf(monName);
  }

  /** Whether an address is known to be one of a peer's. */
  isAddressOf(monName: string, address: string): boolean {
    const isSame = (alias: string) => withoutScope(alias) === withoutScope(address);
    return isSame(nameKey(monName)) || this.#index.aliasesOf(monName).some(isSame);
  }

  /** The state in the last notice from a peer that an earlier life of the daemon believed; else 0. */
  rememberedState(monName: string): number {
    return this.#lastStates.get(nameKey(monName)) ?? 0;
  }

  /** Whether an earlier life of the daemon has ended before everybody was told of that state. */
  isOwed(monName: string): boolean {
    return this.#owed.has(nameKey(monName));
  }

  /** Begins to find out about a peer, unless it is known. Other names are those it surely has. */
  add(monName: string, otherNames: readonly string[] = []): void {
    const key = nameKey(monName);
    if (this.#isStopped) return;
    const isKnown = this.#index.knows(key);
    if (otherNames.length > 0) {
      this.#givenNames.set(key, otherNames);
      this.#index.learn(key, [...otherNames, ...this.#index.aliasesOf(key)]);
    }
    if (isKnown) return;
    this.#waiting.add(key);
    this.#learnSoon(LEARNING_DELAY_MS);
  }

  /** Forgets all peers but those that somebody still needs, by the form in which names are compared. */
  retain(isNeeded: (peer: string) => boolean): void {
    for (const peer of new Set([...this.#index.peers(), ...this.#lastStates.keys()])) {
      if (!isNeeded(peer)) this.remove(peer);
    }
  }

  /** Forgets a peer that is monitored no more. */
  remove(monName: string): void {
    const key = nameKey(monName);
    this.#waiting.delete(key);
    this.#unknown.delete(key);
    this.#lastStates.delete(key);
    this.#owed.delete(key);
    this.#givenNames.delete(key);
    this.#index.forget(key);
    this.#parts.memory.forget(key);
  }

  /** The peers for which any of these names and addresses is known to stand. */
  known(...aliases: string[]): Set<string> {
    const peers = new Set<string>();
    for (const alias of aliases) {
      peers.add(nameKey(alias));
      for (const peer of this.#index.peersOf(alias)) peers.add(peer);
    }
    return peers;
  }

  /** The same after asking the name service about a notice's name and source. */
  async lookUp(name: string, address: string): Promise<Set<string>> {
    const [ofName, ofAddress] = await Promise.all([
      this.#aliasesOf(name),
      this.#aliasesOf(address),
    ]);
    const aliases = [name, address];
    for (const learned of [ofName, ofAddress]) {
      if ("aliases" in learned) aliases.push(...learned.aliases);
    }
    return this.known(...aliases);
  }

  /** Asks the name service about a peer again, whose addresses may have changed. */
  async refresh(monName: string): Promise<void> {
    const key = nameKey(monName);
    const learned = await this.#aliasesOf(key);
    const isNew = this.#waiting.has(key) || this.#unknown.has(key);
    if (this.#isStopped || !isNew && !this.#index.knows(key)) return;
    if (!this.#keep(key, learned)) return;
    this.#waiting.delete(key);
    this.#unknown.delete(key);
  }

  /** Ends all activity. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
    this.#cancelLearning?.();
    this.#cancelRelearn?.();
  }

  /** One timer for all that wait; it only runs while there are any, and room for a look-up. */
  #learnSoon(pauseMs = LEARNING_PAUSE_MS): void {
    if (this.#cancelLearning !== undefined || this.#waiting.size === 0) return;
    if (this.#learning === LEARNING_AT_ONCE) return;
    this.#cancelLearning = this.#parts.clock.startTimer(pauseMs, () => {
      this.#cancelLearning = undefined;
      this.#learnNext();
      this.#learnSoon();
    });
  }

  #learnNext(): void {
    const [key] = this.#waiting;
    if (key === undefined) return;
    this.#waiting.delete(key);
    this.#learning++;
    this.#learn(key).finally(() => {
      this.#learning--;
      this.#learnSoon();
    });
  }

  async #learn(key: string): Promise<void> {
    const wasUnknown = this.#unknown.has(key);
    this.#unknown.add(key);
    const learned = await this.#aliasesOf(key);
    // It may have been unmonitored meanwhile.
    if (this.#isStopped || !this.#unknown.has(key)) return;
    if (this.#keep(key, learned)) {
      this.#unknown.delete(key);
      return;
    }
    if (!wasUnknown && "fault" in learned) {
      const matched = "notices from it are matched by the name itself";
      const { fault } = learned;
      this.#parts.tell(
        "notice",
        "Cannot look up peers",
        () => `Cannot look up peer ${quote(key)}: ${fault}; ${matched}`,
      );
    }
    this.#relearnLater();
  }

  /** Remembers what was learned of a peer; false if nothing was. */
  #keep(key: string, learned: Learned): boolean {
    if (!("aliases" in learned)) return false;
    const { aliases, canonicalName } = learned;
    const { memory, log } = this.#parts;
    const given = this.#givenNames.get(key) ?? [];
    const isNews = this.#index.learn(key, [...given, ...aliases]);
    // Given names are in the index only; everything else in it is in the memory too.
    if (!isNews && given.length === 0) return true;
    const addresses = aliases.filter((alias) => normaliseAddress(alias) !== undefined);
    memory.note(key, { addresses, ...(canonicalName === undefined ? {} : { canonicalName }) });
    log.debug(() => `Peer ${quote(key)} is also known as ${aliases.map(quote).join(" ")}`);
    return true;
  }

  /** One timer for all unknown peers; it only runs while there are any. */
  #relearnLater(): void {
    if (this.#cancelRelearn !== undefined) return;
    const pause = this.#relearnPauseMs;
    this.#relearnPauseMs = Math.min(2 * pause, RELEARN_MAX_MS);
    this.#cancelRelearn = this.#parts.clock.startTimer(pause, () => {
      this.#cancelRelearn = undefined;
      if (this.#unknown.size === 0) this.#relearnPauseMs = RELEARN_MIN_MS;
      for (const key of this.#unknown) this.#waiting.add(key);
      this.#learnSoon();
    });
  }

  /** The other names and the addresses of a host, by name or address. */
  async #aliasesOf(host: string): Promise<Learned> {
    const { resolver } = this.#parts;
    const address = normaliseAddress(host);
    if (address === undefined) {
      const found = await resolver.addressesOf(host);
      if (found.outcome !== "found") return { fault: found.reason };
      const { canonicalName, addresses } = found.value;
      return { aliases: withCanonical(addresses, canonicalName), canonicalName };
    }
    const reverse = await resolver.nameOf(address);
    if (reverse.outcome === "tryLater") return { fault: reverse.reason };
    if (reverse.outcome === "notFound") return { aliases: [address] };
    const forward = await resolver.addressesOf(reverse.value);
    const addresses = forward.outcome === "found" ? forward.value.addresses : [];
    const aliases = withCanonical([address, ...addresses], reverse.value);
    return { aliases, canonicalName: reverse.value };
  }
}

function withCanonical(addresses: readonly string[], canonicalName?: string): string[] {
  return canonicalName === undefined ? [...addresses] : [canonicalName, ...addresses];
}
