/**
 * Told peers: logs and notes how each was reached, and removes its record. All of it is batched, so
 * that neither the log nor the disk delays the telling of other peers.
 */

import type { Log } from "../../log.ts";
import { quote } from "../../quote.ts";
import { reasonOf } from "../../reason.ts";
import { nameKey } from "../host_name.ts";
import type { NotifyPeer } from "./notify_list.ts";
import type { NotifyRecord, NotifyStore, PeerMemory } from "../ports.ts";
import type { Clock } from "../../time/clock.ts";

/**
 * Records kept after their peer was told, before a batch is removed. A crash re-notifies at most
 * these peers, which does no harm. An eighth of it made 1,000 peers take 1.5 times as long.
 */
const TOLD_MAX = 1024;

export interface ToldParts {
  readonly clock: Clock;
  readonly store: Pick<NotifyStore, "remove">;
  readonly memory: PeerMemory;
  readonly log: Log;
}

export class ToldPeers {
  readonly #parts: ToldParts;
  #waiting: { readonly peer: NotifyPeer; readonly toldAt: number }[] = [];
  /** Number of removals in progress. */
  #removals = 0;
  #onRemoved = () => {};
  #unremoved = 0;

  constructor(parts: ToldParts) {
    this.#parts = parts;
  }

  /** Whether a batch should be removed. */
  get isFull(): boolean {
    return this.#waiting.length >= TOLD_MAX;
  }

  /** Number of records that could not be removed. */
  get unremoved(): number {
    return this.#unremoved;
  }

  add(peer: NotifyPeer): void {
    this.#waiting.push({ peer, toldAt: this.#parts.clock.wallClock() });
  }

  /** Starts the removal of all waiting records. */
  remove(): void {
    // Notes of one turn of the event loop are written together.
    for (const { peer: { record, way, addresses }, toldAt } of this.#waiting) {
      if (way !== undefined) {
        const { transport, port, address } = way;
        this.#parts.log.debug(() =>
          `Notified ${quote(record.fileName)} at ${address} over ${transport}`
        );
        const others = addresses.filter((other) => other !== address);
        // Merged with facts that statd may have written meanwhile.
        const peer = nameKey(record.monName);
        this.#parts.memory.note(peer, { transport, port, toldAt }, [address, ...others]);
      }
      void this.#remove(record);
    }
    this.#waiting = [];
  }

  /** Removes all waiting records; settles when all removals have ended. */
  async removeAll(): Promise<void> {
    this.remove();
    if (this.#removals > 0) await new Promise<void>((resolve) => this.#onRemoved = resolve);
    if (this.#unremoved > 1) {
      this.#parts.log.error(`${this.#unremoved} told peers stay on the notify list`);
    }
  }

  async #remove(record: NotifyRecord): Promise<void> {
    const { log, store } = this.#parts;
    this.#removals++;
    try {
      await store.remove(record);
    } catch (error) {
      // The peer is told again after the next reboot, which does no harm. One line says why.
      if (this.#unremoved++ === 0) {
        log.error(`Cannot take ${quote(record.fileName)} off the notify list: ${reasonOf(error)}`);
      }
    }
    if (--this.#removals === 0) this.#onRemoved();
  }
}
