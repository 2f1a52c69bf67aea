/** Queue of peers on their way to a ledger, with their waiters. */

import { nameKey } from "../nsm/host_name.ts";
import type { LedgerPeer } from "./ledger.ts";

/** Caller that waits for one or more peers. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Peer that is not on record yet. */
export interface Recording {
  readonly key: string;
  readonly peer: LedgerPeer;
  /**
   * Whether the peer was acknowledged because of an older epoch; it is retried until it is on
   * record.
   */
  readonly isOwed: boolean;
  readonly waiters: readonly Waiter[];
}

export class Recordings {
  #byKey = new Map<string, Recording>();
  /** Dequeued peers by key, until they are finished or queued again. */
  #taken = new Map<string, Recording>();

  /** Number of queued peers. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Whether a peer is queued or dequeued. */
  has(key: string): boolean {
    return this.#byKey.has(key) || this.#taken.has(key);
  }

  /** Queues peers; settles when all are on record, or one is refused. */
  add(peers: readonly LedgerPeer[], isOwed: boolean): Promise<void> {
    if (peers.length === 0) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // waiters handle it
    let left = peers.length;
    // One for all peers: tens of thousands may be queued.
    const waiters = [{ resolve: () => --left === 0 && resolve(), reject }];
    for (const peer of peers) {
      const key = nameKey(peer.monName);
      const before = this.#byKey.get(key);
      this.#byKey.set(
        key,
        before === undefined ? { key, peer, isOwed, waiters } : {
          key,
          peer,
          isOwed: isOwed || before.isOwed,
          waiters: [...before.waiters, ...waiters],
        },
      );
    }
    return promise;
  }

  /** Dequeues up to `count` peers. */
  take(count: number): Recording[] {
    const some = this.#byKey.values().take(count).toArray();
    for (const recording of some) {
      this.#byKey.delete(recording.key);
      this.#taken.set(recording.key, recording);
    }
    return some;
  }

  /** Finishes dequeued peers, which are on record, including those queued again meanwhile. */
  finish(some: readonly Recording[]): void {
    for (const { key, waiters } of some) {
      const later = this.#byKey.get(key);
      this.#taken.delete(key);
      this.#byKey.delete(key);
      waiters.forEach(resolved);
      later?.waiters.forEach(resolved);
    }
    this.#renew();
  }

  /**
   * Replaces empty maps. V8 allocates each new table of a map that is old in old space, which only a full
   * collection frees: 15 MB for 50,000 peers.
   */
  #renew(): void {
    if (this.#byKey.size === 0) this.#byKey = new Map();
    if (this.#taken.size === 0) this.#taken = new Map();
  }

  /** Queues dequeued peers again, merged with those queued meanwhile. */
  restore(some: readonly Recording[]): void {
    for (const recording of some) {
      const { key } = recording;
      this.#taken.delete(key);
      const later = this.#byKey.get(key);
      this.#byKey.set(
        key,
        later === undefined ? recording : {
          key,
          peer: later.peer,
          isOwed: recording.isOwed || later.isOwed,
          waiters: [...recording.waiters, ...later.waiters],
        },
      );
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

function resolved({ resolve }: Waiter): void {
  resolve();
}
