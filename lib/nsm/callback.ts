/**
 * Tells a local lock manager that a peer has rebooted: the procedure that it named in SM_MON, with the
 * mon_name and the 16 bytes exactly as it gave them, to loopback.
 *
 * Callbacks leave in parallel within a limit. One that fails asks rpcbind for the port again, since the
 * lock manager may have been restarted, and is tried again until {@link CALLBACK_TOTAL_MS} is over. A
 * newer state for the same registration takes the place of one that waits, and does not wait for one that
 * has left.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils' order of events, with other limits.
 */

import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import { nlmCallback } from "../protocol/nlm.ts";
import { quote } from "../quote.ts";
import { ATTEMPT_TIMEOUT_MS, type FindLockManager, type LockManager } from "./lock_manager.ts";
import type { Monitored } from "./monitor_list.ts";
import { type CallPeer, type MonitorRecord, reasonOf } from "./ports.ts";
import type { Clock } from "../time/clock.ts";
import { DelayLines } from "../time/delay_lines.ts";

/**
 * Callbacks in flight at one time. Linux' default socket buffer of 212,992 bytes holds some 250 small
 * datagrams; a quarter of that leaves room for whatever else lockd receives.
 */
const CALLBACKS_AT_ONCE = 64;

/**
 * Callbacks in flight for one registration: half of all, so that a peer with one state after the other leaves
 * room for every other peer.
 */
const CALLBACKS_OF_ONE = CALLBACKS_AT_ONCE / 2;

/**
 * Pauses between attempts, in ms; the last one repeats. The first is short because a lost datagram on
 * loopback means a full buffer, which empties in no time; nfs-utils' is 5 s.
 */
const RETRY_PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/**
 * How long a callback is tried, in ms. After 15 minutes the peer's own sm-notify has given up too; any
 * grace period in which locks can be reclaimed (90 s by default) is long over; but locks of a client
 * that rebooted are still held for nobody, so it is worth trying that long.
 */
export const CALLBACK_TOTAL_MS = 15 * 60_000;

/** What callbacks are made with. */
export interface CallbackParts {
  readonly callPeer: CallPeer;
  /** Rejects when rpcbind does not answer. */
  readonly findLockManager: FindLockManager;
  readonly clock: Clock;
  readonly log: Log;
  /** Says what notices cause, within limits. */
  readonly tell: LimitedLog;
  /** Is told what became of each attempt. */
  readonly attempted?: (monitored: Monitored, outcome: CallbackOutcome, fault: string) => void;
}

/** Outcome of an attempt: `failed` is tried again, every other outcome ends the callback. */
export type CallbackOutcome = "done" | "failed" | "given up";

interface Pending {
  /** The newest state that the lock manager has to be told. */
  state: number;
  /** The state of the call that left last, unless it is due or waits; earlier ones may still be under way. */
  sent: number | undefined;
  /** Calls under way, in number. */
  inFlight: number;
  attempts: number;
  /** When that state came, on the clock that only goes forward. */
  since: number;
}

export class Callbacks {
  readonly #parts: CallbackParts;
  readonly #pending = new Map<Monitored, Pending>();
  /** Those whose turn it is, in order. */
  readonly #due = new Set<Monitored>();
  /** Those that wait for another attempt. */
  readonly #failed: DelayLines<Monitored>;
  /** Where lock managers listen, by program and version; a promise while rpcbind is asked. */
  readonly #found = new Map<string, LockManager | Promise<LockManager | undefined>>();
  /** The table of the last callback, which nearly always is that of the next one. */
  #lastTable: ReturnType<typeof nlmCallback> | undefined;
  #inFlight = 0;
  #isStopped = false;

  constructor(parts: CallbackParts) {
    this.#parts = parts;
    this.#failed = new DelayLines(parts.clock, () => this.#startDue());
  }

  /** Registrations whose lock manager is still to be told. */
  get pending(): number {
    return this.#pending.size;
  }

  /** When the news came that has waited longest, on the clock that only goes forward. */
  get waitingSince(): number | undefined {
    let first: number | undefined;
    for (const { since } of this.#pending.values()) {
      if (first === undefined || since < first) first = since;
    }
    return first;
  }

  /** Whether the lock manager of a registration is still to be told. */
  isPending(monitored: Monitored): boolean {
    return this.#pending.has(monitored);
  }

  /** Drops what was to be told to a registration's lock manager; whether there was anything. */
  forget(monitored: Monitored): boolean {
    this.#due.delete(monitored);
    this.#failed.delete(monitored);
    return this.#pending.delete(monitored);
  }

  /**
   * Has the requester of a registration told about a state; nobody waits for it. Where its port is known
   * the call has left when this returns.
   */
  add(monitored: Monitored, state: number): void {
    const waiting = this.#pending.get(monitored);
    const since = this.#parts.clock.now();
    if (waiting !== undefined) {
      Object.assign(waiting, { state, since });
      this.#sendNewest(monitored, waiting);
    } else {
      const pending = { state, sent: undefined, inFlight: 0, attempts: 0, since };
      this.#pending.set(monitored, pending);
      this.#due.add(monitored);
    }
    this.#startDue();
  }

  /** Has the newest state leave too where only earlier ones are under way, and not too many. */
  #sendNewest(monitored: Monitored, { state, sent, inFlight }: Pending): void {
    const isBehind = sent !== undefined && sent !== state;
    if (isBehind && inFlight < CALLBACKS_OF_ONE) this.#due.add(monitored);
  }

  /** Ends all activity. */
  stop(): void {
    this.#isStopped = true;
    this.#due.clear();
    this.#failed.clear();
    this.#pending.clear();
  }

  #startDue(): void {
    while (this.#inFlight < CALLBACKS_AT_ONCE) {
      const monitored = this.#takeDue();
      if (monitored === undefined) return;
      this.#inFlight++;
      this.#deliver(monitored, this.#pending.get(monitored)!)
        .catch((error) => this.#parts.log.error(`Cannot settle a callback: ${reasonOf(error)}`))
        .finally(() => {
          this.#inFlight--;
          this.#startDue();
        });
    }
  }

  /** News come before further attempts. */
  #takeDue(): Monitored | undefined {
    for (const monitored of this.#due) {
      this.#due.delete(monitored);
      return monitored;
    }
    return this.#failed.take();
  }

  /** Makes one attempt, and settles what comes after it. */
  async #deliver(monitored: Monitored, pending: Pending): Promise<void> {
    const { clock, log, tell } = this.#parts;
    const { state } = pending;
    const isWanted = () => !this.#isStopped && this.#pending.get(monitored) === pending;
    pending.sent = state;
    pending.inFlight++;
    const fault = await this.#attempt(monitored, state, pending.attempts, isWanted);
    pending.inFlight--;
    // It may have been forgotten meanwhile.
    if (!isWanted()) return;
    const { monName } = monitored.record;
    const news = () => `${who(monitored)} that peer ${quote(monName)} has state ${state}`;
    if (fault === undefined) {
      const { attempts } = pending;
      // Strangers can cause the usual case as often as they like.
      if (attempts > 0) {
        const key = "lock managers told after failed attempts";
        tell("notice", key, () => `Told ${news()} after ${attempts} failed attempts`);
      } else log.debug(() => `Told ${news()}`);
      pending.attempts = 0;
      if (pending.state === state) this.forget(monitored);
      else this.#sendNewest(monitored, pending);
      this.#parts.attempted?.(monitored, "done", "");
    } else if (pending.sent !== state) {
      this.#sendNewest(monitored, pending); // what became of a later call decides
    } else if (clock.now() - pending.since >= CALLBACK_TOTAL_MS) {
      const key = "lock managers that were not told";
      tell("error", key, () => `Cannot tell ${news()}, giving up: ${fault}`);
      this.#pending.delete(monitored);
      this.#parts.attempted?.(monitored, "given up", fault);
    } else {
      if (pending.attempts === 0) {
        const key = "lock managers that cannot be told";
        tell("warning", key, () => `Cannot tell ${news()}, trying again: ${fault}`);
      }
      const pause = RETRY_PAUSES_MS[Math.min(pending.attempts, RETRY_PAUSES_MS.length - 1)]!;
      pending.attempts++;
      pending.sent = undefined;
      this.#failed.add(monitored, pause);
      this.#parts.attempted?.(monitored, "failed", fault);
    }
  }

  /** Makes one call; returns why it failed. */
  async #attempt(
    { record }: Monitored,
    state: number,
    attempt: number,
    isWanted: () => boolean,
  ): Promise<string | undefined> {
    const { myProg, myVers, monName, priv } = record;
    const key = `${myProg} ${myVers}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.#parts.findLockManager(myProg, myVers, attempt);
      this.#found.set(key, found);
    }
    let to: LockManager | undefined;
    try {
      to = found instanceof Promise ? await found : found;
      if (to === undefined) {
        if (this.#found.get(key) === found) this.#found.delete(key);
        return `program ${myProg} version ${myVers} is not registered with rpcbind`;
      }
      if (this.#found.get(key) === found) this.#found.set(key, to);
      if (!isWanted()) return undefined;
      const table = this.#tableOf(record);
      const args = { mon_name: monName, state, priv: Uint8Array.fromHex(priv) };
      const { callPeer } = this.#parts;
      await callPeer.call(table, "NLM_SM_NOTIFY", args, to, to.transport, ATTEMPT_TIMEOUT_MS);
      return undefined;
    } catch (error) {
      // Another attempt may have found it elsewhere meanwhile.
      const now = this.#found.get(key);
      if (now === found || now === to) this.#found.delete(key);
      return reasonOf(error);
    }
  }

  #tableOf({ myProg, myVers, myProc }: MonitorRecord): ReturnType<typeof nlmCallback> {
    const last = this.#lastTable;
    const isSame = last?.number === myProg && last.version === myVers &&
      last.procedures.NLM_SM_NOTIFY.number === myProc;
    return isSame ? last : this.#lastTable = nlmCallback(myProg, myVers, myProc);
  }
}

function who({ record }: Monitored): string {
  return `lock manager ${quote(record.myName)} (${record.myProg}, ${record.myVers})`;
}
