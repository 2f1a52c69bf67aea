/** News of peers from earlier runs of the daemon, out of the peer memory. */

import type { LastNews } from "./monitor_list.ts";
import type { PeerFacts, PeerMemory } from "./ports.ts";

/** Last news of one peer. */
export interface News extends LastNews {
  /** Whether the earlier run ended before all its callbacks were made. */
  readonly isOwed: boolean;
  /** Owed state that a requester has to be told before `lastState`, which it may have been told last. */
  readonly first: number | undefined;
  /** States that requesters may have been told last. */
  readonly tried: readonly number[];
}

export class RememberedNews {
  readonly #memory: Pick<PeerMemory, "note">;
  /** News by peer key. */
  readonly #news = new Map<string, News>();
  /** Keys of peers whose owed news was announced to registrations from disk. */
  readonly #announced = new Set<string>();
  #latestNotice = 0;

  constructor(memory: Pick<PeerMemory, "note">) {
    this.#memory = memory;
  }

  learn(
    peer: string,
    { lastState, lastNotice = 0, lastAnswer, heardAt, passedOn }: PeerFacts,
  ): void {
    this.#latestNotice = Math.max(this.#latestNotice, lastNotice, lastAnswer ?? 0);
    if (lastState === undefined) return;
    const isOwed = lastState !== passedOn;
    const [first, ...tried] = typeof passedOn === "number" ? [null, passedOn] : passedOn ?? [];
    const owed = { isOwed, first: first ?? undefined, tried };
    this.#news.set(peer, { lastState, lastNotice, lastAnswer, heardAt, ...owed });
  }

  /** Ordinal of the latest notice, declaration or answer; 0 if there was none. */
  get latestNotice(): number {
    return this.#latestNotice;
  }

  of(peer: string): News | undefined {
    return this.#news.get(peer);
  }

  peers(): Iterable<string> {
    return this.#news.keys();
  }

  forget(peer: string): void {
    this.#news.delete(peer);
    this.#announced.delete(peer);
  }

  /** Notes that a peer's owed news is announced to a registration from disk. */
  announced(peer: string): void {
    this.#announced.add(peer);
  }

  /**
   * Marks owed news as passed on if the peer's registrations, whose latest notice is given, were all
   * made in this run and have heard nothing since. To be called once the list is whole.
   */
  settleYounger(peer: string, latestNotice: number | undefined): void {
    const isTheirs = this.#news.get(peer)?.lastNotice === latestNotice;
    if (isTheirs && !this.#announced.has(peer)) this.settle(peer);
  }

  /**
   * Marks the news of an unmonitored peer as passed on, as after a reboot of this host. Otherwise
   * the next requester to monitor the peer would be told of it.
   */
  settle(peer: string): void {
    const news = this.#news.get(peer);
    if (news?.isOwed === true) this.#memory.note(peer, { passedOn: news.lastState });
  }
}
