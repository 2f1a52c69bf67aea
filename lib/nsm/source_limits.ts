/**
 * Rate limit of notices: a token bucket per source. A source is an IPv4 address or an IPv6 /64,
 * since one host can use all addresses of its /64. A notice beyond the limit gets no reply, so that
 * a genuine sender repeats it, and a flood costs nothing more.
 */

import { sourceNetwork } from "../rpc/address.ts";
import type { Clock } from "../time/clock.ts";

/**
 * Bucket size, in notices. A peer sends two for each name under which it knows us; hundreds of
 * hosts behind one address may reboot together.
 */
const BURST = 1024;
/**
 * Refill rate, in notices per second: the rate of look-ups that a name server serves in the worst
 * case.
 */
const PER_SECOND = 64;
/** Limit of buckets (LRU). */
const SOURCES_MAX = 4096;
/**
 * Work covered by one notice, in ms. A longer one counts as several, since its cost grows with the
 * registrations of its source.
 */
const MS_PER_NOTICE = 0.5;
/** Maximum charge of one notice: its source then gets another notice admitted within seconds. */
const CHARGE_MAX = 1024;
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

  /** Runs the work of an admitted notice, and charges its source for the time. */
  work<T>(address: string, piece: () => T): T {
    const began = this.#clock.now();
    const result = piece();
    this.charge(address, this.#clock.now() - began);
    return result;
  }

  /** Charges a source for work, in ms. */
  charge(address: string, ms: number): void {
    const bucket = this.#buckets.get(sourceNetwork(address));
    if (bucket !== undefined) bucket.left -= Math.min(Math.floor(ms / MS_PER_NOTICE), CHARGE_MAX);
  }

  /** Takes one token of an address's source; false if the bucket is empty. */
  admits(address: string): boolean {
    const now = this.#clock.now();
    const source = sourceNetwork(address);
    const bucket = this.#buckets.get(source) ?? { left: BURST, at: now };
    const gained = (now - bucket.at) / MS_PER_SECOND * PER_SECOND;
    bucket.left = Math.min(BURST, bucket.left + gained);
    bucket.at = now;
    // Reinserted last: map order is LRU order.
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
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
