/**
 * Peer directory: canonical names and addresses of the monitored peers, for matching an SM_NOTIFY
 * to them. Peers are looked up after registration; no reply waits for it. Results survive restarts.
 *
 * Source: nfs-utils' matching rules (a notice concerns a host if its name, an alias that DNS knows,
 * or its source address is one of the host's).
 */

import { quote } from "../quote.ts";
import { AliasIndex } from "./alias_index.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { nameKey } from "./host_name.ts";
import { type DirectoryParts, HURRY_MS, LEARNING } from "./directory_parts.ts";
import { aliasesOfAll, type Learned, namesOfHost, withCanonical } from "./host_names.ts";
import type { DirectoryWatcher } from "./ports.ts";
import { Relearning } from "./relearning.ts";
import { RememberedNews } from "./remembered_news.ts";

export class PeerDirectory {
  readonly #parts: DirectoryParts;
  readonly #index = new AliasIndex();
  readonly #waiting = new Set<string>(); // keys of peers queued for a look-up
  /** Keys of peers whose look-ups have found nothing so far. */
  readonly #unknown = new Set<string>();
  /** Subset of `#unknown` that the name service has denied; it may have them later. */
  readonly #absent = new Set<string>();
  /** Keys of peers of which no address is known, looked up or not. */
  readonly #withoutAddress = new Set<string>();
  readonly #inProgress = new Set<string>(); // keys of peers being looked up
  /** Aliases that no look-up has to confirm, by peer key. */
  readonly #givenNames = new Map<string, readonly string[]>();
  readonly news: RememberedNews; // news from earlier runs of the daemon
  /** Queued peers that a notice waits for, by key; looked up first. */
  readonly #urgent = new Set<string>();
  #watcher: DirectoryWatcher | undefined;
  #hurriedAt = -Infinity;
  #learning = 0;
  /** Timer of the next look-up, and its due time on the monotonic clock. */
  #next: { readonly due: number; readonly cancel: () => void } | undefined;
  readonly #relearning: Relearning;
  #isStopped = false;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    this.news = new RememberedNews(parts.memory);
    this.#relearning = new Relearning(parts.clock, (isForAll) => this.#relearn(isForAll));
  }

  watch(watcher: DirectoryWatcher): void {
    this.#watcher = watcher;
  }

  /**
   * Looks up queued peers now, starting with peers that a notice's name (or its short form) may
   * stand for. Peers without an answer are queued again, debounced by {@link HURRY_MS}.
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
    if (this.#next !== undefined && this.#next.due <= now) return; // never put off by notices
    this.#next?.cancel();
    this.#next = undefined;
    this.#learnSoon(0);
  }

  /** Queues another look-up of a peer whose data may be outdated. */
  relearn(monName: string): void {
    this.#unknown.add(nameKey(monName));
    this.#absent.delete(nameKey(monName));
    this.#relearnLater();
  }

  /** Loads the results of earlier runs, in small steps. */
  *remember(): Iterable<void> {
    for (const [peer, facts] of yield* this.#parts.memory.loadInSteps()) {
      const aliases = withCanonical(facts.addresses, facts.canonicalName);
      if (aliases.length > 0) this.#index.learn(peer, aliases);
      this.news.learn(peer, facts);
      yield;
    }
  }

  /** Whether the list is loaded and every peer of it has been looked up, or is denied by the name service. */
  get isComplete(): boolean {
    const isOver = this.#learning + this.#waiting.size === 0 &&
      this.#parts.isListWhole?.() !== false;
    return isOver && this.#unknown.size === this.#absent.size;
  }

  /** Number of peers that the name service denies. */
  get absent(): number {
    return this.#absent.size;
  }

  /** Number of peers whose look-ups have found nothing so far. */
  get unresolved(): number {
    return this.#unknown.size;
  }

  get withoutAddress(): number {
    return this.#withoutAddress.size;
  }

  /** Whether a peer's look-up is pending or has failed. */
  isUnresolved(monName: string): boolean {
    const key = nameKey(monName);
    return this.#waiting.has(key) || this.#inProgress.has(key) || this.#unknown.has(key);
  }

  /** Whether the name service has answered that the peer does not exist. */
  isAbsent(monName: string): boolean {
    return this.#absent.has(nameKey(monName));
  }

  aliasesOf(monName: string): readonly string[] {
    return this.#index.aliasesOf(monName);
  }

  /** Whether an address is known to belong to a peer. */
  isAddressOf(monName: string, address: string): boolean {
    // A link-local address includes its interface: trust 16.
    return nameKey(monName) === address || this.#index.aliasesOf(monName).includes(address);
  }

  /** News of a peer from an earlier run; undefined if there is none. */
  remembered(monName: string): ReturnType<RememberedNews["of"]> {
    return this.news.of(nameKey(monName));
  }

  /** Queues a look-up of a peer, unless it is known. `otherNames` are aliases that need no confirmation. */
  add(monName: string, otherNames: readonly string[] = []): void {
    const key = nameKey(monName);
    if (this.#isStopped) return;
    const isKnown = this.#index.knows(key);
    if (otherNames.length > 0) {
      this.#givenNames.set(key, otherNames);
      this.#index.learn(key, [...otherNames, ...this.#index.aliasesOf(key)]);
    }
    if (isKnown) return;
    if (normaliseAddress(key) === undefined) this.#withoutAddress.add(key);
    this.#waiting.add(key);
    this.#learnSoon(LEARNING.delayMs);
  }

  /**
   * Forgets all peers that are no longer needed, in small steps; both callbacks take keys. Only those
   * that are monitored are still looked up.
   */
  *retain(isMonitored: (peer: string) => boolean, isNeeded = isMonitored): Iterable<void> {
    for (const peers of [this.news.peers(), this.#index.peers(), this.#waiting, this.#unknown]) {
      for (const peer of peers) {
        if (!isMonitored(peer)) {
          this.news.settle(peer);
          this.#settle(peer);
          if (!isNeeded(peer)) this.remove(peer);
        }
        yield;
      }
    }
  }

  /** Forgets a peer that is no longer monitored. */
  remove(monName: string): void {
    const key = nameKey(monName);
    this.#settle(key);
    this.news.forget(key);
    this.#givenNames.delete(key);
    this.#index.forget(key);
    this.#parts.memory.forget(key);
  }

  /**
   * Keys of peers for which any of these aliases stands, with duplicates. Changes during iteration
   * are allowed.
   */
  *known(...aliases: readonly string[]): Generator<string> {
    for (const alias of aliases) {
      yield nameKey(alias);
      yield* this.#index.peersOf(alias);
    }
  }

  /** Looks up all aliases of a notice's name and source. */
  lookUp(name: string, address: string): ReturnType<typeof aliasesOfAll> {
    return aliasesOfAll(this.#parts.resolver, [name, address]);
  }

  /** Looks up a peer again, whose addresses may have changed; returns whether the name service answered. */
  async refresh(monName: string): Promise<boolean> {
    const key = nameKey(monName);
    const learned = await namesOfHost(this.#parts.resolver, key);
    const isNew = this.#waiting.has(key) || this.#unknown.has(key);
    const isFinal = "aliases" in learned || learned.isFinal;
    if (this.#isStopped || !isNew && !this.#index.knows(key)) return isFinal;
    if (this.#keep(key, learned)) this.#settle(key);
    return isFinal;
  }

  /** Clears every pending look-up of a peer. */
  #settle(key: string): void {
    this.#withoutAddress.delete(key);
    for (const keys of [this.#waiting, this.#urgent, this.#unknown, this.#absent]) keys.delete(key);
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
    this.#next?.cancel();
    this.#relearning.stop();
  }

  /** Starts the one timer of the queue, if peers are queued and a look-up slot is free. */
  #learnSoon(pauseMs: number = LEARNING.pauseMs): void {
    if (this.#next !== undefined || this.#waiting.size === 0) return;
    if (this.#learning >= LEARNING.atOnce || this.#isStopped) return;
    const cancel = this.#parts.clock.startTimer(pauseMs, () => {
      this.#next = undefined;
      this.#learnNext();
      this.#learnSoon();
    });
    this.#next = { due: this.#parts.clock.now() + pauseMs, cancel };
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
    if (this.#isStopped || !this.#unknown.has(key)) return; // removed during the look-up
    if (this.#keep(key, learned)) return this.#settle(key);
    if ("fault" in learned && learned.isFinal) this.#absent.add(key);
    else this.#absent.delete(key);
    if (wasUnknown || !("fault" in learned)) return;
    const rest = `${learned.fault}; notices from it are matched by the name itself`;
    const text = () => `Cannot look up peer ${quote(key)}: ${rest}`;
    this.#parts.tell("notice", "Cannot look up peers", text);
  }

  /** Stores the result of a look-up; false if it has found nothing. */
  #keep(key: string, learned: Learned): boolean {
    if (!("aliases" in learned)) return false;
    const { aliases, canonicalName } = learned;
    const { memory, log } = this.#parts;
    const given = this.#givenNames.get(key) ?? [];
    const isNews = this.#index.learn(key, [...given, ...aliases]);
    this.#watcher?.learned(key);
    // Given names are only in the index; all other aliases are in the memory too.
    if (!isNews && given.length === 0) return true;
    const addresses = aliases.filter((alias) => normaliseAddress(alias) !== undefined);
    memory.note(key, { addresses, ...(canonicalName === undefined ? {} : { canonicalName }) });
    log.debug(() => `Peer ${quote(key)} is also known as ${aliases.map(quote).join(" ")}`);
    return true;
  }

  /** Plans a retry: urgent if a notice waits for an unanswered peer, not for one that is denied. */
  #relearnLater(): void {
    if (this.#isStopped || this.#unknown.size === 0) return;
    const isOpen = this.#unknown.size > this.#absent.size;
    this.#relearning.plan(isOpen && this.#watcher?.isUrgent() === true);
  }

  #relearn(isForAll: boolean): void {
    if (this.#unknown.size === 0) this.#relearning.restart();
    for (const key of this.#unknown) {
      if (isForAll || !this.#absent.has(key)) this.#waiting.add(key);
    }
    this.#learnSoon();
  }
}
