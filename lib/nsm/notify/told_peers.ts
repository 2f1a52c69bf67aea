/**
 * What is left to do for a peer that was told: to note how it was reached, and to remove its record.
 * Both wait for others to be told; the disk does not get in their way.
 */

import type { Log } from "../../log.ts";
import { quote } from "../../quote.ts";
import { nameKey } from "../host_name.ts";
import type { NotifyPeer } from "./notify_list.ts";
import { type NotifyRecord, type NotifyStore, type PeerMemory, reasonOf } from "../ports.ts";
import type { Clock } from "../../time/clock.ts";

/**
 * Records that are kept after their peer was told, before a batch of them is removed. A crash re-notifies
 * at most these peers, which does no harm. With an eighth of this number 1,000 peers took 1.5 times as long.
 */
const TOLD_MAX = 1024;

/** Parts of the removal. */
export interface ToldParts {
  readonly clock: Clock;
  readonly store: Pick<NotifyStore, "remove">;
  readonly memory: PeerMemory;
  readonly log: Log;
}

export class ToldPeers {
  readonly #parts: ToldParts;
  #waiting: { readonly peer: NotifyPeer; readonly toldAt: number }[] = [];
  /** Records that are being removed, in number. */
  #removals = 0;
  #onRemoved = () => {};
  #unremoved = 0;

  constructor(parts: ToldParts) {
    this.#parts = parts;
  }

  /** True if no more should wait. */
  get isFull(): boolean {
    return this.#waiting.length >= TOLD_MAX;
  }

  /** Records that could not be removed, in number. */
  get unremoved(): number {
    return this.#unremoved;
  }

  add(peer: NotifyPeer): void {
    this.#waiting.push({ peer, toldAt: this.#parts.clock.wallClock() });
  }

  /** Begins to take everybody off the disk's list. */
  remove(): void {
    // The memory writes what it is told in one turn of the event loop at once.
    for (const { peer: { record, way, addresses }, toldAt } of this.#waiting) {
      if (way !== undefined) {
        const { transport, port, address } = way;
        const others = addresses.filter((other) => other !== address);
        const facts = { addresses: [address, ...others], transport, port, toldAt };
        // Beside what statd may have noted meanwhile.
        this.#parts.memory.note(nameKey(record.monName), facts);
      }
      void this.#remove(record);
    }
    this.#waiting = [];
  }

  /** Removes all of them; settles at the end. */
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
      // It is told again after the next reboot, which does no harm. One line says why.
      if (this.#unremoved++ === 0) {
        log.error(`Cannot take ${quote(record.fileName)} off the notify list: ${reasonOf(error)}`);
      }
    }
    if (--this.#removals === 0) this.#onRemoved();
  }
}
