/**
 * How many notices each source may send: a bucket for each address that fills slowly. A sender that
 * exceeds it gets no reply and so repeats itself later; nothing genuine is lost, and a flood from one
 * address costs nothing more.
 */

import type { Clock } from "../time/clock.ts";

/**
 * Notices of one address at once. A peer sends two for each name under which it knows us; hundreds of
 * hosts behind one address that reboot together still pass.
 */
const BURST = 1024;
/** What an address gains, in notices per second: what a name server can be asked in the worst case. */
const PER_SECOND = 64;
/** Addresses remembered; beyond, the one that was heard longest ago is forgotten. */
const SOURCES_MAX = 4096;
const MS_PER_SECOND = 1000;

interface Bucket {
  left: number;
  at: number;
}

export class SourceLimits {
  readonly #clock: Pick<Clock, "now">;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Whether a notice from this address may be handled now; it counts if so. */
  admits(address: string): boolean {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(address) ?? { left: BURST, at: now };
    const gained = (now - bucket.at) / MS_PER_SECOND * PER_SECOND;
    bucket.left = Math.min(BURST, bucket.left + gained);
    bucket.at = now;
    // Put last: the map's order is that of the last notice.
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > SOURCES_MAX) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }
}
