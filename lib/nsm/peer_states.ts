/**
 * Peer states: asks a peer itself for its state number, which a notice claims and cannot prove. The
 * call uses TCP, whose answer comes from the address asked, and goes only to known addresses of the
 * peer.
 *
 * Remote hosts can trigger the question, so concurrency is limited, and each peer is asked once in
 * some seconds.
 *
 * Source: XNFS chapter 11 (SM_STAT), whose reply has the state number of the NSM that answers;
 * illumos asks so for peers that have rebooted while it was suspended.
 */

import { nsmV1, SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { reasonOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";
import { findPort } from "./port_lookup.ts";
import type { CallPeer } from "./ports.ts";

/** Limit of peers being asked. */
const ASKED_AT_ONCE = 16;
/** Interval between questions to one peer, in ms. */
export const PAUSE_MS = 5_000;
/** Timeout of one call, in ms: enough for a busy host on the other side of the earth. */
const CALL_TIMEOUT_MS = 3_000;
/** Time after which no further address of a peer is tried, in ms. */
const ADDRESSES_MS = 5_000;
/** mon_name in the SM_STAT call: one that the peer resolves without a name server. */
const ASKED_ABOUT = "localhost";

/** Answer of a peer: its state, or why there is none. */
export type StatedState =
  | { readonly state: number; readonly fault?: undefined }
  | { readonly fault: string };

export class PeerStates {
  readonly #callPeer: CallPeer;
  readonly #clock: Pick<Clock, "now" | "startTimer">;
  /** Keys of peers asked within {@link PAUSE_MS}. */
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

  /** Asks a peer at these addresses in turn; "later" if the limits forbid it now. Never rejects. */
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

  /** Asks at one address; returns the state, or the fault. */
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
