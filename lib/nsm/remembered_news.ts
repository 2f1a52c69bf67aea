/** What an earlier life of the daemon has heard of peers, from the peer memory. */

import type { LastNews } from "./monitor_list.ts";
import type { PeerFacts, PeerMemory } from "./ports.ts";

/** What was heard of one peer. */
interface News extends LastNews {
  /** Whether that life has ended before everybody was told. */
  readonly isOwed: boolean;
}

export class RememberedNews {
  readonly #memory: Pick<PeerMemory, "note">;
  /** By key of the peer. */
  readonly #news = new Map<string, News>();
  #latestNotice = 0;

  constructor(memory: Pick<PeerMemory, "note">) {
    this.#memory = memory;
  }

  learn(peer: string, { lastState, lastNotice = 0, heardAt, passedOn }: PeerFacts): void {
    this.#latestNotice = Math.max(this.#latestNotice, lastNotice);
    if (lastState === undefined) return;
    this.#news.set(peer, { lastState, lastNotice, heardAt, isOwed: lastState !== passedOn });
  }

  /** Ordinal of the last notice or declaration of all; 0 where there was none. */
  get latestNotice(): number {
    return this.#latestNotice;
  }

  /** Undefined where nothing was heard. */
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
   * Notes that nobody is owed the news of a peer that is not monitored, as after a reboot of this host: it
   * would be told to whoever monitors it next.
   */
  settle(peer: string): void {
    const news = this.#news.get(peer);
    if (news?.isOwed === true) this.#memory.note(peer, { passedOn: news.lastState });
  }
}
