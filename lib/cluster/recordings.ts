/** Queue of peers on their way to a ledger, with their waiters. */

import { nameKey } from "../nsm/host_name.ts";
import type { LedgerPeer } from "./ledger.ts";

/** Peer that is not on record yet. */
export interface Recording {
  readonly key: string;
  readonly peer: LedgerPeer;
  /** Whether it was acknowledged because of an older epoch; such a peer is retried until it is on record. */
  readonly isOwed: boolean;
  readonly waiters: readonly {
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[];
}

export class Recordings {
  readonly #byKey = new Map<string, Recording>();

  get size(): number {
    return this.#byKey.size;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Queues a peer; settles when it is on record, or refused. */
  add(peer: LedgerPeer, isOwed: boolean): Promise<void> {
    const key = nameKey(peer.monName);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // waiters handle it
    const before = this.#byKey.get(key);
    this.#byKey.set(key, {
      key,
      peer,
      isOwed: isOwed || before?.isOwed === true,
      waiters: [...before?.waiters ?? [], { resolve, reject }],
    });
    return promise;
  }

  /** Dequeues up to `count` peers. */
  take(count: number): Recording[] {
    const some = this.#byKey.values().take(count).toArray();
    for (const { key } of some) this.#byKey.delete(key);
    return some;
  }

  /** Requeues peers, unless they were queued again. */
  restore(some: readonly Recording[]): void {
    for (const recording of some) {
      if (!this.#byKey.has(recording.key)) this.#byKey.set(recording.key, recording);
    }
  }

  /** Rejects and removes the matching peers. */
  refuse(error: Error, isMeant: (recording: Recording) => boolean): void {
    for (const recording of [...this.#byKey.values()].filter(isMeant)) {
      this.#byKey.delete(recording.key);
      for (const { reject } of recording.waiters) reject(error);
    }
  }
}
