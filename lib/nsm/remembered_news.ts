/** News of peers from earlier runs of the daemon, out of the peer memory. */

import type { LastNews } from "./monitor_list.ts";
import type { PeerFacts, PeerMemory } from "./ports.ts";

/** Last news of one peer. */
export interface News extends LastNews {
  /** Whether the earlier run ended before all its callbacks were made. */
  readonly isOwed: boolean;
  /** Owed state that a requester has to be told before `lastState`, which it was told last. */
  readonly first: number | undefined;
}

export class RememberedNews {
  readonly #memory: Pick<PeerMemory, "note">;
  /** News by peer key. */
  readonly #news = new Map<string, News>();
  #latestNotice = 0;

  constructor(memory: Pick<PeerMemory, "note">) {
    this.#memory = memory;
  }

  learn(peer: string, { lastState, lastNotice = 0, heardAt, passedOn }: PeerFacts): void {
    this.#latestNotice = Math.max(this.#latestNotice, lastNotice);
    if (lastState === undefined) return;
    const first = typeof passedOn === "object" ? passedOn?.[0] : undefined;
    this.#news.set(peer, { lastState, lastNotice, heardAt, isOwed: lastState !== passedOn, first });
  }

  /** Ordinal of the latest notice or declaration; 0 if there was none. */
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
