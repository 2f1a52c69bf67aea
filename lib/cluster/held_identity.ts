/**
 * Held identity: peers are recorded in its ledger before they are acknowledged.
 *
 * Calls on the ledger are serialised by {@link HeldIdentity.#work}, except that puts may overlap
 * where the ledger allows it; changes requested meanwhile are batched into the next call. A ledger
 * that fails, or is too slow, opens the circuit breaker.
 */

import { nameKey } from "../nsm/host_name.ts";
import { reasonOf } from "../reason.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import type { HeldParts } from "./held_parts.ts";
import { WorkerPool } from "./worker_pool.ts";
import {
  LedgerError,
  type LedgerPeer,
  type Owed,
  type Ownership,
  SupersededError,
} from "./ledger.ts";
import { sleep } from "../time/clock.ts";
import { lossOf } from "./refusals.ts";
import { Recordings } from "./recordings.ts";
import { Removals } from "./removals.ts";
import { Settlements } from "./settlements.ts";
import { Timers, withinBudget } from "./timers.ts";

/** Longest wait of an acknowledgement for the ledger, in ms: nfs-ganesha gives up after 3 s. */
const BUDGET_MS = 1_500;
/** Longest wait of a status query for the ledger, in ms. */
const LOOK_MS = 1_000;
/** Limit of removals and settlements per call, so that the event loop is not blocked. */
const TOGETHER_MAX = 250;

export class HeldIdentity {
  readonly #parts: HeldParts;
  readonly own: Ownership;
  /** Keys of peers on record under the present epoch. */
  #recorded = new Set<string>();
  readonly #recordings = new Recordings();
  /** Puts of recordings. */
  readonly #puts: WorkerPool;
  readonly #removals: Removals;
  /** Peers to be told of older epochs. */
  #owed: Owed = { keys: new Set(), unread: 0 };
  #start: (() => Promise<void>) | undefined;
  #started = Promise.withResolvers<void>();
  #isWorking = false;
  #working: Promise<void> = Promise.resolve();
  readonly #breaker: CircuitBreaker;
  #supersededBy: string | undefined;
  #isToBeVerified = false;
  #isStopped = false;
  readonly #timers: Timers;
  readonly #settlements: Settlements;

  /** `isAdopted`: the epoch is that of an earlier process in this boot. */
  constructor(own: Ownership, isAdopted: boolean, parts: HeldParts) {
    this.own = own;
    this.#parts = parts;
    this.#timers = new Timers(parts.clock);
    this.#removals = new Removals(this.#timers, () => this.#wake());
    this.#settlements = new Settlements(this.#timers, () => this.#wake());
    this.#breaker = new CircuitBreaker(parts, this.#timers, () => this.#wake());
    const { outstanding } = parts.ledger.putLimits;
    const hasWork = () => this.#recordings.size > 0;
    this.#puts = new WorkerPool(outstanding, hasWork, () => this.#recordSome());
    this.#started.promise.catch(() => {}); // awaited by an acquire only
    this.#start = async () => {
      const { ledger } = parts;
      if (isAdopted) this.#recorded = await ledger.adopt(own);
      this.#owed = await ledger.owed();
    };
  }

  /** Name of the node that superseded us; undefined while the identity is ours. */
  get supersededBy(): string | undefined {
    return this.#supersededBy;
  }

  /** Why nothing can be recorded; undefined if recording works. */
  get fault(): string | undefined {
    return this.#breaker.fault;
  }

  /** Numbers of peers on record, and pending from older epochs. */
  get counts() {
    return {
      recorded: this.#recorded.size,
      pending: this.#owed.keys.size,
      unread: this.#owed.unread,
      unreplicated: this.#recordings.size,
    };
  }

  /** Starts work on the ledger, and records the peers that are monitored already (rule R3). */
  async begin(peers: Iterable<LedgerPeer>): Promise<void> {
    this.#wake();
    await this.#started.promise;
    const { outstanding, peers: perPut } = this.#parts.ledger.putLimits;
    let some: LedgerPeer[] = [];
    let count = 0;
    for (const peer of peers) {
      // Yields to the event loop, as many peers may be on record already.
      if (++count % perPut === 0) await sleep(this.#parts.clock.startTimer, 0);
      if (this.#recorded.has(nameKey(peer.monName))) continue;
      some.push(peer);
      if (some.length < outstanding * perPut) continue;
      await this.#enqueue(some, true);
      some = [];
    }
    await this.#enqueue(some, true);
  }

  /** Why a peer is refused at once; undefined if it is to be recorded. */
  refusalOf(monName: string): LedgerError | undefined {
    if (this.fault === undefined || this.#parts.isLocalEnough) return undefined;
    const key = nameKey(monName);
    const isKnown = this.#recorded.has(key) || this.#owed.keys.has(key);
    return isKnown || this.#supersededBy !== undefined ? undefined : this.#breaker.refusal;
  }

  /**
   * Records a peer; undefined if the caller need not wait.
   *
   * @throws {LedgerError} (as a rejection) When the peer may not be on record.
   */
  record(peer: LedgerPeer): Promise<void> | undefined {
    const key = nameKey(peer.monName);
    this.#removals.delete(key);
    if (this.#supersededBy !== undefined || this.#recorded.has(key)) return undefined;
    // On record under an older epoch, so a reclaim must not be refused (rule R7a).
    if (this.#owed.keys.has(key)) {
      void this.#enqueue([peer], true);
      return undefined;
    }
    if (this.fault !== undefined) return this.#recordLater(peer, this.#breaker.refusal);
    const enqueued = this.#enqueue([peer], false);
    const recording = withinBudget(enqueued, this.#parts.clock, BUDGET_MS, () => {
      this.#failed(`no answer for ${BUDGET_MS} ms`);
      return this.#breaker.refusal;
    });
    if (!this.#parts.isLocalEnough) return recording;
    return recording.catch((error) => this.#recordLater(peer, error));
  }

  /** Acknowledges a peer without the ledger, where the definition allows that. */
  #recordLater(peer: LedgerPeer, refusal: Error): Promise<void> | undefined {
    if (!this.#parts.isLocalEnough || this.#isStopped) return Promise.reject(refusal);
    if (this.#supersededBy === undefined) void this.#enqueue([peer], true);
    return undefined;
  }

  /** Checks whether the identity is still ours, waiting up to a second. */
  async look(): Promise<void> {
    if (this.fault !== undefined || this.#supersededBy !== undefined) return;
    this.#isToBeVerified = true;
    this.#wake();
    const late = () => new LedgerError("no answer yet");
    await withinBudget(this.#working, this.#parts.clock, LOOK_MS, late).catch(() => {});
  }

  /** Removes a peer from the record, after a delay. */
  drop(monName: string): void {
    const key = nameKey(monName);
    if (!this.#recorded.has(key) && !this.#recordings.has(key)) return;
    this.#removals.add(key, monName);
  }

  /** Notes peers told of older epochs. Each is settled when it is on record again, or has not come back. */
  told(monNames: readonly string[]): void {
    const owed = monNames.filter((monName) => this.#owed.keys.has(nameKey(monName)));
    this.#settlements.add(owed, (key) => this.#recorded.has(key));
  }

  /** Releases the identity, after pending writes; its ledger was read before. @throws {LedgerError} */
  async release(): Promise<void> {
    if (this.#supersededBy === undefined) {
      this.#removals.hasten();
      await this.#working;
      if (this.#start !== undefined && this.fault !== undefined) throw new LedgerError(this.fault);
      await this.#parts.ledger.release().catch((error) => {
        if (!(error instanceof SupersededError)) throw error;
      });
    }
    this.stop();
  }

  /** Stops all activity; a hanging call is abandoned. */
  stop(): void {
    this.#isStopped = true;
    this.#timers.stop();
    this.#breaker.stop();
    this.#recordings.refuse(new LedgerError(`identity ${this.#parts.id} is released`), () => true);
  }

  #enqueue(peers: readonly LedgerPeer[], isOwed: boolean): Promise<void> {
    const areThere = this.#recordings.add(peers, isOwed);
    this.#wake();
    return areThere;
  }

  #wake(): void {
    if (this.#isStopped || this.#supersededBy !== undefined) return;
    if (this.#isWorking) return this.#puts.more(); // no effect while a call of another kind hangs
    this.#isWorking = true;
    this.#working = this.#work();
  }

  /** Processes all pending work, one kind of call at a time. Never rejects. */
  async #work(): Promise<void> {
    try {
      if (this.#start !== undefined) {
        await this.#start();
        this.#start = undefined;
        this.#breaker.close();
        this.#started.resolve();
      } else if (this.fault !== undefined) {
        await this.#parts.ledger.tryWriting();
        this.#breaker.close();
      }
      while (this.#hasWork) {
        if (this.#recordings.size > 0) await this.#puts.run();
        if (this.#removals.isDue) await this.#removeSome();
        if (this.#settlements.size > 0) await this.#settleSome();
        if (this.#isToBeVerified) await this.#verify();
        this.#breaker.close();
      }
    } catch (error) {
      this.#ended(error);
    } finally {
      this.#isWorking = false; // reset in one step with the last check for work
    }
  }

  get #hasWork(): boolean {
    return this.#recordings.size > 0 || this.#removals.isDue || this.#settlements.size > 0 ||
      this.#isToBeVerified;
  }

  async #verify(): Promise<void> {
    this.#isToBeVerified = false;
    await this.#parts.ledger.verify();
  }

  async #recordSome(): Promise<void> {
    const { ledger } = this.#parts;
    const some = this.#recordings.take(ledger.putLimits.peers);
    try {
      await ledger.put(some.map(({ peer }) => peer));
    } catch (error) {
      this.#recordings.restore(some);
      this.#ended(error); // at once: other puts may still wait
      throw error;
    }
    this.#recordings.finish(some);
    for (const { key } of some) this.#recorded.add(key);
    this.#settlements.returned(some.map(({ key }) => key));
  }

  async #removeSome(): Promise<void> {
    const some = this.#removals.take(TOGETHER_MAX);
    for (const [key] of some) this.#recorded.delete(key);
    await this.#parts.ledger.remove(some.map(([, monName]) => monName));
  }

  async #settleSome(): Promise<void> {
    const some = this.#settlements.first(TOGETHER_MAX);
    await this.#parts.ledger.settle(some.map(([, monName]) => monName));
    for (const [key] of some) this.#settlements.delete(key);
  }

  /** Notes how a call on the ledger has failed. */
  #ended(error: unknown): void {
    if (!(error instanceof SupersededError)) return this.#failed(reasonOf(error));
    const { by } = error;
    const { node, life } = this.own;
    const isHere = by?.node === node && by.life === life && !by.isReleased;
    // This node still serves the identity: no peer is acknowledged before the new epoch is held.
    if (isHere) this.#failed(`this node has acquired it again, as epoch ${by.epoch}`);
    else this.#superseded(error);
  }

  /** Opens the circuit breaker: rejects waiting changes, and keeps acknowledged ones for retries. */
  #failed(reason: string): void {
    this.#breaker.open(reason);
    this.#recordings.refuse(this.#breaker.refusal, ({ isOwed }) => !isOwed);
  }

  #superseded(error: SupersededError): void {
    const { id, say } = this.#parts;
    if (this.#supersededBy !== undefined) return;
    const { by, text } = lossOf(this.own, error);
    this.#supersededBy = by;
    if (!this.#isStopped) say("identityLost", id, text);
    this.#started.reject(error);
    // Another node is the owner; later requests do not wait for this ledger.
    this.#recordings.refuse(error, () => true);
  }
}
