/** Peers on their way to a ledger, and who waits for them to be there. */

import { nameKey } from "../nsm/host_name.ts";
import type { LedgerPeer } from "./ledger.ts";

/** A peer that is not on record yet. */
export interface Recording {
  readonly key: string;
  readonly peer: LedgerPeer;
  /** Whether it was acknowledged already, since an older epoch has it: then it is tried until it is there. */
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

  /** Puts a peer in line; settles when it is on record, or is refused. */
  add(peer: LedgerPeer, isOwed: boolean): Promise<void> {
    const key = nameKey(peer.monName);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // whoever waits hears of it
    const before = this.#byKey.get(key);
    this.#byKey.set(key, {
      key,
      peer,
      isOwed: isOwed || before?.isOwed === true,
      waiters: [...before?.waiters ?? [], { resolve, reject }],
    });
    return promise;
  }

  /** Takes the first ones out of the line. */
  take(count: number): Recording[] {
    const some = this.#byKey.values().take(count).toArray();
    for (const { key } of some) this.#byKey.delete(key);
    return some;
  }

  /** Puts back what was taken, unless it is in line again. */
  restore(some: readonly Recording[]): void {
    for (const recording of some) {
      if (!this.#byKey.has(recording.key)) this.#byKey.set(recording.key, recording);
    }
  }

  /** Refuses those that are meant, and forgets them. */
  refuse(error: Error, isMeant: (recording: Recording) => boolean): void {
    for (const recording of [...this.#byKey.values()].filter(isMeant)) {
      this.#byKey.delete(recording.key);
      for (const { reject } of recording.waiters) reject(error);
    }
  }
}
