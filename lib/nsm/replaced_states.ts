/**
 * Replaced states: the states that peers announced before their present one, until a copy of such a
 * notice cannot arrive any more. They belong to the peer and outlive its registrations: a lock
 * manager that monitors the peer anew would take a copy for a reboot, and drop live locks.
 */

import { COPY_MS } from "./notice_gate.ts";

/** States kept per peer, in number. No host boots so often in half a minute. */
export const STATES_MAX = 5;

/** A state, and the monotonic time of its last announcement or its replacement, in ms. */
interface Announced {
  readonly state: number;
  readonly at: number;
}

export class ReplacedStates {
  /** States by peer key, the present one last. The peer with the latest news is last. */
  readonly #byPeer = new Map<string, readonly Announced[]>();

  /** Number of peers whose states are kept. */
  get size(): number {
    return this.#byPeer.size;
  }

  /** Whether a peer's states are kept. */
  knows(peer: string): boolean {
    return this.#byPeer.has(peer);
  }

  /** Notes that a registration of a peer, which knew the state `before` (0 if none), is told of `state`. */
  note(peer: string, before: number, state: number, now: number): void {
    this.#forgetOld(now);
    const known = this.#byPeer.get(peer) ?? [];
    const last = known.at(-1)?.state ?? 0;
    const replaced = [last, before].filter((one) => one !== 0 && one !== state);
    const kept = known.filter((one) => one.state !== state && !replaced.includes(one.state));
    const states = [...new Set(replaced), state].map((one) => ({ state: one, at: now }));
    this.#byPeer.delete(peer);
    this.#byPeer.set(peer, [...kept, ...states].slice(-STATES_MAX));
  }

  /** Whether another state has replaced this one within {@link COPY_MS}. */
  has(peer: string, state: number, now: number): boolean {
    const known = this.#byPeer.get(peer);
    return known?.some((one, i) =>
      i < known.length - 1 && one.state === state && one.at > now - COPY_MS
    ) === true;
  }

  /** Forgets peers without news in {@link COPY_MS}. */
  #forgetOld(now: number): void {
    for (const [peer, known] of this.#byPeer) {
      if (known.at(-1)!.at > now - COPY_MS) return;
      this.#byPeer.delete(peer);
    }
  }
}
