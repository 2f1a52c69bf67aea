/**
 * Asking a peer itself for its state number: what a notice claims, and cannot prove. Over TCP, where an
 * answer comes from the address that was asked, and only at addresses that the peer is known to have.
 *
 * Strangers can cause it, so few are asked at one time, each of them once in some seconds.
 *
 * Source: XNFS chapter 11 (SM_STAT), whose reply has the state number of the NSM that answers; illumos asks
 * so for peers that have rebooted while it was suspended.
 */

import { nsmV1, SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import type { Clock } from "../time/clock.ts";
import { findPort } from "./port_lookup.ts";
import { type CallPeer, reasonOf } from "./ports.ts";

/** Peers that are asked at one time, in number. */
const ASKED_AT_ONCE = 16;
/** Between two questions to one peer, in ms. */
export const PAUSE_MS = 5_000;
/** How long one call waits, in ms: as long as a host takes that is on the other side of the earth and busy. */
const CALL_TIMEOUT_MS = 3_000;
/** After this time no further address of a peer is tried, in ms. */
const ADDRESSES_MS = 5_000;
/** What SM_STAT is asked about: a name that the peer need not ask its name service for. */
const ASKED_ABOUT = "localhost";

/** What a peer says itself: its state, or why there is no answer. */
export type StatedState =
  | { readonly state: number; readonly fault?: undefined }
  | { readonly fault: string };

export class PeerStates {
  readonly #callPeer: CallPeer;
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  /** Peers that are not to be asked again now, by key. */
  readonly #asked = new Set<string>();
  #asking = 0;

  constructor(callPeer: CallPeer, clock: Pick<Clock, "now" | "startTimer">) {
    this.#callPeer = callPeer;
    this.#clock = clock;
  }

  /** Whether one more peer can be asked now. */
  get hasRoom(): boolean {
    return this.#asking < ASKED_AT_ONCE;
  }

  /** Asks a peer at some of these addresses, the first first, unless it is to be asked later; never rejects. */
  async ask(peer: string, addresses: readonly string[]): Promise<StatedState | "later"> {
    if (!this.hasRoom || this.#asked.has(peer)) return "later";
    this.#asking++;
    this.#asked.add(peer);
    this.#clock.startTimer(PAUSE_MS, () => this.#asked.delete(peer));
    try {
      let fault = "none of its addresses is known";
      const end = this.#clock.now() + ADDRESSES_MS;
      for (const address of addresses) {
        const stated = await this.#askAt(address);
        if (typeof stated === "number") return { state: stated };
        fault = stated;
        if (this.#clock.now() >= end) break;
      }
      return { fault };
    } finally {
      this.#asking--;
    }
  }

  /** The state, or why there is none. */
  async #askAt(address: string): Promise<number | string> {
    try {
      const wanted = { program: SM_PROG, version: SM_VERS, transport: "tcp" } as const;
      const port = await findPort(this.#callPeer, wanted, address, CALL_TIMEOUT_MS);
      if (port === undefined) return `no status monitor is registered at ${address}`;
      const at = { address, port };
      const args = { mon_name: ASKED_ABOUT };
      const { state } = await this.#callPeer.call(
        nsmV1,
        "SM_STAT",
        args,
        at,
        "tcp",
        CALL_TIMEOUT_MS,
      );
      return state > 0 ? state : `the status monitor at ${address} says ${state}`;
    } catch (error) {
      return reasonOf(error);
    }
  }
}
