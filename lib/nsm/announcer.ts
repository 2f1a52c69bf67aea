/**
 * Announcements: everything that follows from the decision that a peer has rebooted. The lock
 * manager is called first, since applications wait for its locks. Then the state is written to the
 * peer memory, so that a restart neither repeats nor loses an announcement: `passedOn` is a state
 * once all lock managers have been told of it.
 *
 * Three paths end here: a notice, an administrator's declaration, and a start that finds a debt.
 */

import type { Callbacks, Dropped } from "./callback.ts";
import type { CallbackOutcome } from "./callback_parts.ts";
import type { Counters } from "./counters.ts";
import { nameKey } from "./host_name.ts";
import { latestOf } from "./last_state.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { PeerMemory } from "./ports.ts";
import type { News } from "./remembered_news.ts";
import { ToldStates, withState } from "./told_states.ts";
import type { Clock } from "../time/clock.ts";

/** Dependencies of the announcer. */
export interface AnnouncerParts {
  readonly list: MonitorList;
  readonly memory: PeerMemory;
  readonly clock: Pick<Clock, "now">;
  /** Whether an unread file may have registrations of a peer. */
  readonly isUnread: (peer: string) => boolean;
  readonly counters: Pick<
    Counters,
    "callbacks_queued" | "callbacks_done" | "callbacks_failed" | "callbacks_given_up"
  >;
}

/** Called with the outcome of each callback attempt. */
export type CallbackWatcher = (
  monitored: Monitored,
  outcome: CallbackOutcome,
  fault: string,
) => void;

interface Untold {
  count: number;
  state: number;
  /** State that some requester has to be told before `state`, which it may have been told last. */
  first?: number | undefined;
  /** States that some requester may have been told last. */
  tried: readonly number[];
}

export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #callbacks: Callbacks;
  readonly #watchers = new Set<CallbackWatcher>();
  #lastFault = "";
  /** Pending registrations of each peer (count), the peer's state, and the one before it, by key. */
  readonly #untold = new Map<string, Untold>();
  /** States that all requesters were told but those in an unread file, by peer key. */
  readonly #unsettled = new Map<string, number>();

  /** `callbacksFor` creates the callbacks, which report each attempt to its argument. */
  constructor(parts: AnnouncerParts, callbacksFor: (attempted: CallbackWatcher) => Callbacks) {
    this.#parts = parts;
    this.#callbacks = callbacksFor((...attempt) => this.#attempted(...attempt));
  }

  /** Number of registrations whose lock manager is still to be told. */
  get pending(): number {
    return this.#callbacks.pending;
  }

  /** Time since which the oldest pending callback waits, in ms of the monotonic clock. */
  get waitingSince(): number | undefined {
    return this.#callbacks.waitingSince;
  }

  /** Fault of the last callback attempt; empty if it succeeded. */
  get lastFault(): string {
    return this.#lastFault;
  }

  /**
   * Announces a peer's state to the requester of a registration. The state is on disk after the
   * next flush() or microtask. `heardAt` is the arrival of the peer's own notice, in ms since 1970.
   */
  readonly announce = (monitored: Monitored, state: number, heardAt?: number): void =>
    this.#announce(monitored, state, true, heardAt);

  #announce(monitored: Monitored, state: number, isLatest: boolean, heardAt?: number): void {
    const { list, memory, counters, clock } = this.#parts;
    const key = nameKey(monitored.record.monName);
    const wasPending = this.#callbacks.isPending(monitored);
    const tried = monitored.told?.all ?? [];
    // The call leaves here, in front of all that is only noted.
    const first = this.#callbacks.add(monitored, state);
    counters.callbacks_queued++;
    const untold: Untold = this.#untold.get(key) ?? { count: 0, state, tried: [] };
    if (!wasPending) untold.count++;
    untold.tried = tried.reduce(withState, untold.tried);
    if (untold.state !== state) {
      untold.tried = withState(untold.tried, untold.state);
      delete untold.first;
    }
    untold.state = state;
    this.#untold.set(key, untold);
    if (isLatest) list.replacedStates.note(key, monitored.lastState, state, clock.now());
    monitored.lastState = state;
    if (heardAt !== undefined) monitored.heardAt = heardAt;
    untold.first = first ?? untold.first;
    const { lastNotice, lastAnswer } = monitored;
    const ordinals = { lastNotice, ...(lastAnswer !== undefined && { lastAnswer }) };
    const news = { lastState: state, ...ordinals, ...(heardAt !== undefined && { heardAt }) };
    // The state may be one that was passed on earlier, which must not look like this one's receipt.
    const passedOn = [untold.first ?? null, ...untold.tried] as const;
    memory.note(key, { ...news, passedOn });
  }

  /**
   * Announces what an earlier run still owed to a requester. What this run has announced before, as
   * for a registration made while a file could not be read, is newer, and is not replaced.
   */
  announceOwed(
    monitored: Monitored,
    { lastState, first, tried }: Pick<News, "lastState" | "first" | "tried">,
  ): void {
    const next = first ?? lastState;
    const others = withState(tried, lastState).filter((state) => state !== next);
    monitored.told = new ToldStates([...others, next]);
    const isLatest = !this.#parts.list.replacedStates.knows(nameKey(monitored.record.monName));
    if (first !== undefined) this.#announce(monitored, first, isLatest);
    this.#announce(monitored, lastState, isLatest);
  }

  /**
   * Brings a registration that comes to others of its peer, or comes back, up to their news; returns
   * whether its requester is told. All registrations of a peer know one state, as after a restart.
   * `dropped`: callback that waited until its registration left.
   */
  readonly catchUp = (monitored: Monitored, dropped?: Dropped): boolean => {
    const latest = latestOf(this.#parts.list.about(monitored.record.monName));
    if (latest === undefined || latest.lastNotice <= monitored.lastNotice) return false;
    const { lastState, lastNotice, lastAnswer, heardAt } = latest;
    const isNews = lastState !== monitored.lastState && monitored.behind < lastNotice;
    Object.assign(monitored, { lastState, lastNotice, lastAnswer, heardAt });
    if (!isNews) return false;
    // A state that the requester may have been told last is told behind the one that waited.
    if (dropped !== undefined && monitored.told?.has(lastState)) {
      this.announce(monitored, dropped.state);
    }
    this.announce(monitored, lastState, heardAt);
    return true;
  };

  /** Writes pending announcements; a process killed afterwards loses none. */
  flush(): void {
    this.#parts.memory.flush();
  }

  /** Drops the callback of a removed registration. */
  readonly forget = (monitored: Monitored): void => {
    if (this.#callbacks.forget(monitored) !== undefined) this.#settled(monitored);
  };

  /** As {@link forget}, for a removal that may fail; returns the function that starts the callback again. */
  readonly suspend = (monitored: Monitored): () => void => {
    const dropped = this.#callbacks.forget(monitored);
    if (dropped !== undefined) this.#settled(monitored);
    return () => {
      if (this.catchUp(monitored, dropped) || dropped === undefined) return;
      const { lastState } = monitored;
      if (dropped.first !== undefined) this.announce(monitored, dropped.first);
      this.announce(monitored, lastState);
    };
  };

  /** Notes what was passed on to peers whose last unread file has been read since. */
  settleRead(): void {
    const { list, memory, isUnread } = this.#parts;
    for (const [key, passedOn] of this.#unsettled) {
      if (isUnread(key)) continue;
      this.#unsettled.delete(key);
      if (list.has(key) && !this.#untold.has(key)) memory.note(key, { passedOn });
    }
  }

  /** Subscribes to callback attempts; returns the function that unsubscribes. */
  watch(watcher: CallbackWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  stop(): void {
    this.#callbacks.stop();
    this.#parts.memory.flush(true);
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

  /** Notes `passedOn` after the last pending callback of a peer, so that a restart does not repeat it. */
  #settled(monitored: Monitored): void {
    const { list, memory, isUnread } = this.#parts;
    const key = nameKey(monitored.record.monName);
    const untold = this.#untold.get(key);
    if (untold === undefined || --untold.count > 0) return;
    this.#untold.delete(key);
    this.#unsettled.delete(key);
    // Requesters in an unread file may have to be told after a restart.
    if (isUnread(key)) this.#unsettled.set(key, untold.state);
    else if (list.has(key)) memory.note(key, { passedOn: untold.state });
  }
}
