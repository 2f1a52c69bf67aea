/**
 * Announcements: everything that follows from the decision that a peer has rebooted. The lock manager is
 * called first, since somebody waits for its locks. Then the state is noted, so that a restart neither
 * tells it twice nor forgets to tell it: `lastState` differs from `passedOn` while somebody is to be told.
 *
 * A notice, an administrator's declaration and a start that finds somebody untold all end here.
 */

import type { CallbackOutcome, Callbacks } from "./callback.ts";
import type { Counters } from "./counters.ts";
import { nameKey } from "./host_name.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { PeerMemory } from "./ports.ts";
import type { Clock } from "../time/clock.ts";

/** States of a peer that are remembered besides the last, in number: no host boots so often in half a minute. */
const REPLACED_MAX = 4;

/** What announcements are made with. */
export interface AnnouncerParts {
  readonly list: MonitorList;
  readonly memory: PeerMemory;
  readonly clock: Pick<Clock, "now">;
  readonly counters: Pick<
    Counters,
    "callbacks_queued" | "callbacks_done" | "callbacks_failed" | "callbacks_given_up"
  >;
}

/** Is told what became of each attempt of a callback. */
export type CallbackWatcher = (
  monitored: Monitored,
  outcome: CallbackOutcome,
  fault: string,
) => void;

export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #callbacks: Callbacks;
  readonly #watchers = new Set<CallbackWatcher>();
  #lastFault = "";
  /** Registrations of each peer that are still to be told, in number, and its state, by key. */
  readonly #untold = new Map<string, { count: number; state: number }>();

  /** `callbacksFor` makes the callbacks, which tell each attempt to the function that it is given. */
  constructor(parts: AnnouncerParts, callbacksFor: (attempted: CallbackWatcher) => Callbacks) {
    this.#parts = parts;
    this.#callbacks = callbacksFor((...attempt) => this.#attempted(...attempt));
  }

  /** Registrations whose lock manager is still to be told, in number. */
  get pending(): number {
    return this.#callbacks.pending;
  }

  /** Since when the first of them waits, in ms on the clock that only goes forward. */
  get waitingSince(): number | undefined {
    return this.#callbacks.waitingSince;
  }

  /** Why the last attempt of a callback failed; empty where it did not. */
  get lastFault(): string {
    return this.#lastFault;
  }

  /**
   * Has the requester of a registration told that its peer has this state. The state is on disk after
   * the next flush() or microtask. `heardAt` is when the peer said so itself, in ms since 1970.
   */
  readonly announce = (monitored: Monitored, state: number, heardAt?: number): void => {
    const { memory, counters, clock } = this.#parts;
    const key = nameKey(monitored.record.monName);
    counters.callbacks_queued++;
    const untold = this.#untold.get(key) ?? { count: 0, state };
    if (!this.#callbacks.isPending(monitored)) untold.count++;
    untold.state = state;
    this.#untold.set(key, untold);
    if (monitored.lastState !== 0) {
      const replaced = { state: monitored.lastState, at: clock.now() };
      monitored.replaced = [...monitored.replaced?.slice(1 - REPLACED_MAX) ?? [], replaced];
    }
    monitored.lastState = state;
    if (heardAt !== undefined) monitored.heardAt = heardAt;
    this.#callbacks.add(monitored, state);
    const { lastNotice } = monitored;
    memory.note(key, { lastState: state, lastNotice, ...(heardAt !== undefined && { heardAt }) });
  };

  /** Writes what was announced, so that a process that is killed afterwards has lost nothing. */
  flush(): void {
    this.#parts.memory.flush();
  }

  /** Drops the callback of a registration that is gone for good. */
  readonly forget = (monitored: Monitored): void => {
    if (this.#callbacks.forget(monitored)) this.#settled(monitored);
  };

  /** Tells of every attempt of a callback, until the function that it returns is called. */
  watch(watcher: CallbackWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Ends all activity. */
  stop(): void {
    this.#callbacks.stop();
  }

  #attempted(monitored: Monitored, outcome: CallbackOutcome, fault: string): void {
    const { counters } = this.#parts;
    this.#lastFault = fault;
    if (outcome === "done") counters.callbacks_done++;
    else if (outcome === "failed") counters.callbacks_failed++;
    else counters.callbacks_given_up++;
    if (!this.#callbacks.isPending(monitored)) this.#settled(monitored);
    for (const watcher of this.#watchers) watcher(monitored, outcome, fault);
  }

  /** Once nobody waits for news of a peer any more, a restart does not have to tell it again. */
  #settled(monitored: Monitored): void {
    const { list, memory } = this.#parts;
    const key = nameKey(monitored.record.monName);
    const untold = this.#untold.get(key);
    if (untold === undefined || --untold.count > 0) return;
    this.#untold.delete(key);
    if (list.has(key)) memory.note(key, { passedOn: untold.state });
  }
}
