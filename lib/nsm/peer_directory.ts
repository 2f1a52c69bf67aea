/**
 * What is known of the monitored peers: their official names and addresses. It is found out after a
 * peer was registered, in the background, kept over restarts, and used to tell whom an SM_NOTIFY
 * speaks of. Nothing here is on the path of a reply.
 *
 * Source: nfs-utils' matching rules (a notice concerns a host if its name, an alias that DNS knows, or
 * its source address is one of the host's).
 */

import { quote } from "../quote.ts";
import { AliasIndex } from "./alias_index.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { nameKey } from "./host_name.ts";
import {
  type DirectoryParts,
  HURRY_MS,
  LEARNING_AT_ONCE,
  LEARNING_DELAY_MS,
  LEARNING_PAUSE_MS,
} from "./directory_parts.ts";
import { aliasesOfAll, type Learned, namesOfHost, withCanonical } from "./host_names.ts";
import type { DirectoryWatcher } from "./ports.ts";
import { Relearning } from "./relearning.ts";
import { RememberedNews } from "./remembered_news.ts";

export class PeerDirectory {
  readonly #parts: DirectoryParts;
  readonly #index = new AliasIndex();
  /** Peers in line for a look-up, by key. */
  readonly #waiting = new Set<string>();
  /** Peers of which nothing could be found out, by key. */
  readonly #unknown = new Set<string>();
  /** Those among them that the name service does not have, by key; it may have them later. */
  readonly #absent = new Set<string>();
  /** Peers that are being looked up, by key. */
  readonly #inProgress = new Set<string>();
  /** Names that no look-up has to confirm, by key. */
  readonly #givenNames = new Map<string, readonly string[]>();
  readonly news: RememberedNews; // what earlier lives of the daemon have heard
  /** Peers in line that somebody waits for, by key. */
  readonly #urgent = new Set<string>();
  #watcher: DirectoryWatcher | undefined;
  #hurriedAt = -Infinity;
  #learning = 0;
  #cancelLearning: (() => void) | undefined;
  readonly #relearning: Relearning;
  #isStopped = false;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    this.news = new RememberedNews(parts.memory);
    this.#relearning = new Relearning(parts.clock, (isForAll) => this.#relearn(isForAll));
  }

  /** Has somebody told of what is learned. */
  watch(watcher: DirectoryWatcher): void {
    this.#watcher = watcher;
  }

  /**
   * Looks up at once what is not known yet, first the peers that a notice's name may be another word for:
   * it, and the short form of it. Peers without an answer are asked about again, though not for each call.
   */
  hurry(name: string): void {
    const key = nameKey(name);
    const now = this.#parts.clock.now();
    const isTime = now - this.#hurriedAt >= HURRY_MS;
    for (const likely of [key, key.split(".", 1)[0]!]) {
      const mayBeFound = this.#unknown.has(likely) && (isTime || !this.#absent.has(likely));
      if (this.#waiting.has(likely) || mayBeFound) this.#urgent.add(likely);
    }
    if (isTime) {
      this.#hurriedAt = now;
      const isOpen = (key: string) => !this.#inProgress.has(key) && !this.#absent.has(key);
      for (const unknown of this.#unknown) if (isOpen(unknown)) this.#waiting.add(unknown);
    }
    for (const urgent of this.#urgent) {
      if (this.#inProgress.has(urgent)) this.#urgent.delete(urgent);
      else this.#waiting.add(urgent);
    }
    this.#cancelLearning?.();
    this.#cancelLearning = undefined;
    this.#learnSoon(0);
  }

  /** Asks about a peer again that is known, but perhaps not as it is now. */
  relearn(monName: string): void {
    this.#unknown.add(nameKey(monName));
    this.#absent.delete(nameKey(monName));
    this.#relearnLater();
  }

  /** Takes over what an earlier life has learned, in small steps. */
  *remember(): Iterable<void> {
    for (const [peer, facts] of yield* this.#parts.memory.loadInSteps()) {
      const aliases = withCanonical(facts.addresses, facts.canonicalName);
      if (aliases.length > 0) this.#index.learn(peer, aliases);
      this.news.learn(peer, facts);
      yield;
    }
  }

  /** Whether the list is whole, and everything known that the name service has now of its peers. */
  get isComplete(): boolean {
    const isOver = this.#learning + this.#waiting.size === 0 &&
      this.#parts.isListWhole?.() !== false;
    return isOver && this.#unknown.size === this.#absent.size;
  }

  /** Peers that the name service does not have, in number. */
  get absent(): number {
    return this.#absent.size;
  }

  /** Peers of which nothing could be found out so far. */
  get unresolved(): number {
    return this.#unknown.size;
  }

  /** Whether nothing was found out about a peer yet: its look-up is pending, or has failed. */
  isUnresolved(monName: string): boolean {
    const key = nameKey(monName);
    return this.#waiting.has(key) || this.#inProgress.has(key) || this.#unknown.has(key);
  }

  /** Whether the name service has answered that there is no such peer. */
  isAbsent(monName: string): boolean {
    return this.#absent.has(nameKey(monName));
  }

  /** Other names and addresses of a peer. */
  aliasesOf(monName: string): readonly string[] {
    return this.#index.aliasesOf(monName);
  }

  /** Whether an address is known to be one of a peer's. */
  isAddressOf(monName: string, address: string): boolean {
    // A link-local address is one of an interface: trust 16.
    return nameKey(monName) === address || this.#index.aliasesOf(monName).includes(address);
  }

  /** What an earlier life of the daemon has heard of a peer; undefined where it has heard nothing. */
  remembered(monName: string): ReturnType<RememberedNews["of"]> {
    return this.news.of(nameKey(monName));
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

  /** Forgets in small steps all peers that nobody needs any more, by the form in which names are compared. */
  *retain(isMonitored: (peer: string) => boolean, isNeeded = isMonitored): Iterable<void> {
    for (const peers of [this.news.peers(), this.#index.peers()]) {
      for (const peer of peers) {
        if (!isMonitored(peer)) this.news.settle(peer);
        if (!isMonitored(peer) && !isNeeded(peer)) this.remove(peer);
        yield;
      }
    }
  }

  /** Forgets a peer that is monitored no more. */
  remove(monName: string): void {
    const key = nameKey(monName);
    this.#settle(key);
    this.news.forget(key);
    this.#givenNames.delete(key);
    this.#index.forget(key);
    this.#parts.memory.forget(key);
  }

  /** The peers for which any of these names and addresses stands, some more than once. Changes meanwhile are allowed. */
  *known(...aliases: readonly string[]): Generator<string> {
    for (const alias of aliases) {
      yield nameKey(alias);
      yield* this.#index.peersOf(alias);
    }
  }

  /** The names and addresses that a notice's name and source stand for. */
  lookUp(name: string, address: string): ReturnType<typeof aliasesOfAll> {
    return aliasesOfAll(this.#parts.resolver, [name, address]);
  }

  /** Asks the name service about a peer again, whose addresses may have changed; whether it has answered. */
  async refresh(monName: string): Promise<boolean> {
    const key = nameKey(monName);
    const learned = await namesOfHost(this.#parts.resolver, key);
    const isNew = this.#waiting.has(key) || this.#unknown.has(key);
    const isFinal = "aliases" in learned || learned.isFinal;
    if (this.#isStopped || !isNew && !this.#index.knows(key)) return isFinal;
    if (!this.#keep(key, learned)) return isFinal;
    this.#settle(key);
    return true;
  }

  /** Nothing is left to be found out about a peer. */
  #settle(key: string): void {
    for (const keys of [this.#waiting, this.#urgent, this.#unknown, this.#absent]) keys.delete(key);
  }

  /** Ends all activity. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
    this.#cancelLearning?.();
    this.#relearning.stop();
  }

  /** One timer for all that wait; it only runs while there are any, and room for a look-up. */
  #learnSoon(pauseMs = LEARNING_PAUSE_MS): void {
    if (this.#cancelLearning !== undefined || this.#waiting.size === 0) return;
    if (this.#learning >= LEARNING_AT_ONCE || this.#isStopped) return;
    this.#cancelLearning = this.#parts.clock.startTimer(pauseMs, () => {
      this.#cancelLearning = undefined;
      this.#learnNext();
      this.#learnSoon();
    });
  }

  #learnNext(): void {
    const [peer] = this.#urgent.size > 0 ? this.#urgent : this.#waiting;
    if (peer === undefined) return;
    this.#urgent.delete(peer);
    this.#waiting.delete(peer);
    this.#learning++;
    this.#inProgress.add(peer);
    this.#learn(peer)
      .catch((error) => this.#parts.log.error(`Cannot look up ${quote(peer)}: ${error}`))
      .finally(() => {
        this.#learning--;
        this.#inProgress.delete(peer);
        this.#learnSoon();
        this.#relearnLater();
        if (this.isComplete && !this.#isStopped) this.#watcher?.completed();
      });
  }

  async #learn(key: string): Promise<void> {
    const wasUnknown = this.#unknown.has(key);
    this.#unknown.add(key);
    const learned = await namesOfHost(this.#parts.resolver, key);
    // It may have been unmonitored meanwhile.
    if (this.#isStopped || !this.#unknown.has(key)) return;
    if (this.#keep(key, learned)) return this.#settle(key);
    if ("fault" in learned && learned.isFinal) this.#absent.add(key);
    else this.#absent.delete(key);
    if (!wasUnknown && "fault" in learned) {
      const matched = "notices from it are matched by the name itself";
      const { fault } = learned;
      this.#parts.tell(
        "notice",
        "Cannot look up peers",
        () => `Cannot look up peer ${quote(key)}: ${fault}; ${matched}`,
      );
    }
  }

  /** Remembers what was learned of a peer; false if nothing was. */
  #keep(key: string, learned: Learned): boolean {
    if (!("aliases" in learned)) return false;
    const { aliases, canonicalName } = learned;
    const { memory, log } = this.#parts;
    const given = this.#givenNames.get(key) ?? [];
    const isNews = this.#index.learn(key, [...given, ...aliases]);
    this.#watcher?.learned(key);
    // Given names are in the index only; everything else in it is in the memory too.
    if (!isNews && given.length === 0) return true;
    const addresses = aliases.filter((alias) => normaliseAddress(alias) !== undefined);
    memory.note(key, { addresses, ...(canonicalName === undefined ? {} : { canonicalName }) });
    log.debug(() => `Peer ${quote(key)} is also known as ${aliases.map(quote).join(" ")}`);
    return true;
  }

  /** A notice hurries the look-up of peers without an answer, and not of those that nobody has. */
  #relearnLater(): void {
    if (this.#isStopped || this.#unknown.size === 0) return;
    this.#relearning.plan(
      this.#unknown.size > this.#absent.size && this.#watcher?.isUrgent() === true,
    );
  }

  #relearn(isForAll: boolean): void {
    if (this.#unknown.size === 0) this.#relearning.restart();
    for (const key of this.#unknown) {
      if (isForAll || !this.#absent.has(key)) this.#waiting.add(key);
    }
    this.#learnSoon();
  }
}
