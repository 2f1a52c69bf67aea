/**
 * How many notices each source may send: a token bucket for each IPv4 address and each IPv6 /64, which is
 * what one host can choose its addresses from. A sender that exceeds it gets no reply and so repeats itself
 * later; nothing genuine is lost, and a flood from one source costs nothing more.
 */

import { sourceNetwork } from "../rpc/address.ts";
import type { Clock } from "../time/clock.ts";

/**
 * Notices of one source at once. A peer sends two for each name under which it knows us; hundreds of
 * hosts behind one address that reboot together still pass.
 */
const BURST = 1024;
/** What a source gains, in notices per second: what a name server can be asked in the worst case. */
const PER_SECOND = 64;
/** Sources remembered; beyond, the one that was heard longest ago is forgotten. */
const SOURCES_MAX = 4096;
/**
 * Time that a notice may take, in ms. One that takes longer counts as several: its cost grows with what is
 * registered of its source.
 */
const MS_PER_NOTICE = 0.5;
/** Notices that one counts as, at most: so that its source has another one taken within some seconds. */
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

  /** Does the work of a notice that was admitted, and charges its source for the time. */
  work<T>(address: string, piece: () => T): T {
    const began = this.#clock.now();
    const result = piece();
    this.charge(address, this.#clock.now() - began);
    return result;
  }

  /** Charges a source for work that took so long, in ms. */
  charge(address: string, ms: number): void {
    const bucket = this.#buckets.get(sourceNetwork(address));
    if (bucket !== undefined) bucket.left -= Math.min(Math.floor(ms / MS_PER_NOTICE), CHARGE_MAX);
  }

  /** Whether a notice from an address may be handled now; it counts if so. */
  admits(address: string): boolean {
    const now = this.#clock.now();
    const source = sourceNetwork(address);
    const bucket = this.#buckets.get(source) ?? { left: BURST, at: now };
    const gained = (now - bucket.at) / MS_PER_SECOND * PER_SECOND;
    bucket.left = Math.min(BURST, bucket.left + gained);
    bucket.at = now;
    // Put last: the map's order is that of the last notice.
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
