/**
 * Callbacks: tell a local lock manager that a peer has rebooted. The call goes to loopback, to the
 * procedure named in SM_MON, with the mon_name and the 16 private bytes exactly as given.
 *
 * Callbacks run in parallel up to a limit. A failed callback asks rpcbind for the port again, since
 * the lock manager may have restarted, and is retried until {@link CALLBACK_TOTAL_MS} is over. A
 * newer state replaces a waiting one of its registration, also while the port is asked for, and does
 * not wait for a call already sent. States that arrive in one turn of the event loop cost a
 * registration two calls: the first state leaves at once, the newest at the end of the turn. There
 * is one exception: a lock manager ignores the state that it was told last, so when a peer comes
 * back to a state that may be that one, the waiting one is told first. If none waits, the one sent
 * last is told again first.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils' order of events, with other limits.
 */

import { nlmCallback } from "../protocol/nlm.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import type { CallbackParts } from "./callback_parts.ts";
import { ATTEMPT_TIMEOUT_MS, type LockManager } from "./lock_manager.ts";
import type { Monitored } from "./monitor_list.ts";
import type { MonitorRecord } from "./ports.ts";
import { ToldStates } from "./told_states.ts";
import { DelayLines } from "../time/delay_lines.ts";

/**
 * Limit of callbacks in flight. Linux' default socket buffer of 212,992 bytes holds some 250 small
 * datagrams; a quarter of that leaves room for lockd's other traffic.
 */
const CALLBACKS_AT_ONCE = 64;

/**
 * Limit of callbacks in flight per registration. Half of all leaves room for other peers when one
 * peer reports one state after the other.
 */
const CALLBACKS_OF_ONE = CALLBACKS_AT_ONCE / 2;

/**
 * Pauses between attempts, in ms; the last one repeats. The first is short (nfs-utils: 5 s) because
 * a datagram lost on loopback means a full buffer, which drains at once.
 */
const RETRY_PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/**
 * Total time of a callback, in ms. After 15 minutes the peer's own sm-notify has given up too, and
 * any grace period (90 s by default) is long over. Locks of the rebooted client block others until
 * then, so a late callback is still useful.
 */
export const CALLBACK_TOTAL_MS = 15 * 60_000;

interface Pending {
  /** Newest state to be delivered. */
  state: number;
  /** State to be delivered before it. */
  first: number | undefined;
  /** State of the latest call sent; undefined while one is due or paused. Earlier calls may be in flight. */
  sent: number | undefined;
  /** Number of calls in flight. */
  inFlight: number;
  attempts: number;
  /** Arrival of `state`, in ms of the monotonic clock. */
  since: number;
}

/** States of a dropped callback. */
export type Dropped = Readonly<Pick<Pending, "state" | "first">>;

export class Callbacks {
  readonly #parts: CallbackParts;
  readonly #pending = new Map<Monitored, Pending>();
  /** Registrations due now, in FIFO order. */
  readonly #due = new Set<Monitored>();
  /** Registrations called in this turn of the event loop, and subset of those with a newer state. */
  readonly #calledInTurn = new Set<Monitored>();
  readonly #newer = new Set<Monitored>();
  /** Registrations waiting for a retry. */
  readonly #failed: DelayLines<Monitored>;
  /** Cache of lock managers, by program and version; a promise while rpcbind is asked. */
  readonly #found = new Map<string, LockManager | Promise<LockManager | undefined>>();
  /** Cache of the last procedure table, which nearly always fits the next callback. */
  #lastTable: ReturnType<typeof nlmCallback> | undefined;
  #inFlight = 0;
  #isStopped = false;

  constructor(parts: CallbackParts) {
    this.#parts = parts;
    this.#failed = new DelayLines(parts.clock, () => this.#startDue());
  }

  /** Number of registrations whose lock manager is still to be told. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Arrival of the news that has waited longest, in ms of the monotonic clock. */
  get waitingSince(): number | undefined {
    let first: number | undefined;
    for (const { since } of this.#pending.values()) {
      if (first === undefined || since < first) first = since;
    }
    return first;
  }

  isPending(monitored: Monitored): boolean {
    return this.#pending.has(monitored);
  }

  /** Drops the callback of a registration, and returns it; undefined if none was pending. */
  forget(monitored: Monitored): Dropped | undefined {
    const pending = this.#pending.get(monitored);
    this.#due.delete(monitored);
    this.#newer.delete(monitored);
    this.#failed.delete(monitored);
    this.#pending.delete(monitored);
    return pending;
  }

  /**
   * Queues a callback. Where the lock manager's port is cached, the call has been sent on return, or
   * is sent at the end of the turn if an earlier state was sent in it. Returns the state that has to
   * be told before this one, if there is one.
   */
  add(monitored: Monitored, state: number): number | undefined {
    const { told } = monitored;
    const waiting = this.#pending.get(monitored);
    const since = this.#parts.clock.now();
    const pending: Pending = waiting ??
      { state, first: undefined, sent: undefined, inFlight: 0, attempts: 0, since };
    const before = waiting?.state ?? told?.latest;
    if (!told?.has(state)) pending.first = undefined;
    else if (before !== undefined && before !== state) pending.first = before;
    pending.state = state;
    pending.since = since;
    if (waiting === undefined) {
      this.#pending.set(monitored, pending);
      this.#due.add(monitored);
    } else if (this.#calledInTurn.has(monitored)) this.#newer.add(monitored);
    else this.#sendNewest(monitored, waiting);
    this.#startDue();
    return pending.first;
  }

  /** Queues the next state if only older ones are in flight, within the limit per registration. */
  #sendNewest(monitored: Monitored, pending: Pending): void {
    const { sent, inFlight } = pending;
    const isBehind = sent !== undefined && sent !== nextOf(pending);
    if (isBehind && inFlight < CALLBACKS_OF_ONE) this.#due.add(monitored);
  }

  /** Notes a call of this turn. Microtasks run when all datagrams that were queued have been judged. */
  #noteCalled(monitored: Monitored): void {
    if (this.#calledInTurn.size === 0) queueMicrotask(() => this.#endTurn());
    this.#calledInTurn.add(monitored);
  }

  #endTurn(): void {
    this.#calledInTurn.clear();
    for (const monitored of this.#newer) this.#sendNewest(monitored, this.#pending.get(monitored)!);
    this.#newer.clear();
    this.#startDue();
  }

  stop(): void {
    this.#isStopped = true;
    this.#due.clear();
    this.#newer.clear();
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

  /** Next registration: news before retries. */
  #takeDue(): Monitored | undefined {
    for (const monitored of this.#due) {
      this.#due.delete(monitored);
      this.#failed.delete(monitored); // an earlier state's retry
      return monitored;
    }
    return this.#failed.take();
  }

  /** Makes one attempt and schedules the next step. */
  async #deliver(monitored: Monitored, pending: Pending): Promise<void> {
    const { clock, log, tell } = this.#parts;
    const state = nextOf(pending);
    const isWanted = () => !this.#isStopped && this.#pending.get(monitored) === pending;
    pending.sent = state;
    pending.inFlight++;
    this.#noteCalled(monitored);
    const fault = await this.#attempt(monitored, state, pending, isWanted);
    pending.inFlight--;
    // Forgotten during the call.
    if (!isWanted()) return;
    const { monName } = monitored.record;
    const news = () => `${who(monitored)} that peer ${quote(monName)} has state ${state}`;
    if (fault === undefined) {
      const { attempts } = pending;
      // Rate-limited: remote hosts can cause a success as often as they like.
      if (attempts > 0) {
        const key = "lock managers told after failed attempts";
        tell("notice", key, () => `Told ${news()} after ${attempts} failed attempts`);
      } else log.debug(() => `Told ${news()}`);
      pending.attempts = 0;
      if (pending.first === state) pending.first = undefined;
      if (pending.state === state) this.forget(monitored);
      else this.#sendNewest(monitored, pending);
      this.#parts.attempted?.(monitored, "done", "");
    } else if (pending.sent !== state) {
      this.#sendNewest(monitored, pending); // a later call decides
    } else if (clock.now() - pending.since >= CALLBACK_TOTAL_MS) {
      const key = "lock managers that were not told";
      tell("error", key, () => `Cannot tell ${news()}, giving up: ${fault}`);
      this.forget(monitored);
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

  /** Makes one call; returns its fault, or undefined. */
  async #attempt(
    monitored: Monitored,
    state: number,
    pending: Pending,
    isWanted: () => boolean,
  ): Promise<string | undefined> {
    const { myProg, myVers } = monitored.record;
    const key = `${myProg} ${myVers}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.#parts.findLockManager(myProg, myVers, pending.attempts);
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
      if (monitored.deciding !== undefined) await monitored.deciding;
      if (!isWanted()) return undefined;
      if (pending.sent !== state) return "a newer state came meanwhile";
      // An SM_MON that came meanwhile may still be refused.
      const record = monitored.stored ?? monitored.record;
      const { monName, priv } = record;
      const table = this.#tableOf(record);
      const args = { mon_name: monName, state, priv: Uint8Array.fromHex(priv) };
      const { callPeer } = this.#parts;
      const call = [table, "NLM_SM_NOTIFY", args, to, to.transport, ATTEMPT_TIMEOUT_MS] as const;
      await (monitored.told ??= new ToldStates()).during(state, callPeer.call(...call));
      return undefined;
    } catch (error) {
      // Another attempt may have cached a newer location.
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

function nextOf({ first, state }: Pending): number {
  return first ?? state;
}

function who({ record }: Monitored): string {
  return `lock manager ${quote(record.myName)} (${record.myProg}, ${record.myVers})`;
}
