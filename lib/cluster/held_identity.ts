/**
 * One identity that this daemon holds: who is monitored goes to its ledger before it is acknowledged.
 *
 * All calls on the ledger are made one after the other, by {@link HeldIdentity.#work}: changes that are
 * asked for meanwhile go together in the next one. A ledger that fails, or does not answer in time, opens
 * the **circuit breaker**: from then on changes are refused at once, since lockd has one thread that waits
 * for us, until a probe succeeds.
 */

import { nameKey } from "../nsm/host_name.ts";
import { reasonOf } from "../nsm/ports.ts";
import type { HeldParts } from "./held_parts.ts";
import { LedgerError, type LedgerPeer, type Ownership, SupersededError } from "./ledger.ts";
import { sleep } from "../time/clock.ts";
import { keysOf } from "./peer_keys.ts";
import { Recordings } from "./recordings.ts";
import { Settlements } from "./settlements.ts";
import { Timers, withinBudget } from "./timers.ts";

/** How long an acknowledgement waits for a ledger, in ms: nfs-ganesha gives up after 3 s. */
const BUDGET_MS = 1_500;
/** How long somebody who asks for the state of an identity waits for its ledger, in ms. */
const LOOK_MS = 1_000;
/** How often a ledger is tried that does not work, in ms. */
const PROBE_MS = 500;
/** Changes of one call: more would keep the event loop busy. */
const TOGETHER_MAX = 250;
/** How long peers that are not monitored any more stay on record, in ms: they are only told too much. */
const REMOVE_AFTER_MS = 10_000;

export class HeldIdentity {
  readonly #parts: HeldParts;
  readonly own: Ownership;
  /** Who is on record under the present epoch, by {@link nameKey}. */
  #recorded = new Set<string>();
  readonly #recordings = new Recordings();
  readonly #removals = new Map<string, string>();
  /** Who is to be told of older epochs. */
  #older = new Set<string>();
  /** Lines of older epochs that cannot be read. */
  #unread = 0;
  #start: (() => Promise<void>) | undefined;
  #started = Promise.withResolvers<void>();
  #isWorking = false;
  #working: Promise<void> = Promise.resolve();
  #fault: string | undefined;
  #supersededBy: string | undefined;
  #isToBeVerified = false;
  #isStopped = false;
  readonly #timers: Timers;
  readonly #settlements: Settlements;

  /** `isAdopted` is for an epoch of an earlier process of this node's life. */
  constructor(own: Ownership, isAdopted: boolean, parts: HeldParts) {
    this.own = own;
    this.#parts = parts;
    this.#timers = new Timers(parts.clock);
    this.#settlements = new Settlements(this.#timers, () => this.#wake());
    this.#started.promise.catch(() => {}); // of interest to an acquire only
    this.#start = async () => {
      const { ledger } = parts;
      if (isAdopted) this.#recorded = await keysOf(await ledger.adopt(own), parts.clock);
      const { peers, unread } = await ledger.pending();
      this.#older = await keysOf(peers, parts.clock);
      this.#unread = unread;
    };
  }

  /** Who has taken it, in words; undefined while it is ours. */
  get supersededBy(): string | undefined {
    return this.#supersededBy;
  }

  /** Why nothing can be recorded now; undefined while it can be. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** How many peers are on record, and what is left of older epochs. */
  get counts() {
    return {
      recorded: this.#recorded.size,
      pending: this.#older.size,
      unread: this.#unread,
      unreplicated: this.#recordings.size,
    };
  }

  /** Begins to work on the ledger, and inherits who is monitored already (rule R3); settles then. */
  async begin(peers: Iterable<LedgerPeer>): Promise<void> {
    this.#wake();
    await this.#started.promise;
    let some: LedgerPeer[] = [];
    let count = 0;
    const inherit = () => Promise.all(some.map((peer) => this.#enqueue(peer, true)));
    for (const peer of peers) {
      // Many that are on record already are passed over in slices.
      if (++count % TOGETHER_MAX === 0) await sleep(this.#parts.clock.startTimer, 0);
      if (this.#recorded.has(nameKey(peer.monName))) continue;
      some.push(peer);
      if (some.length < TOGETHER_MAX) continue;
      await inherit();
      some = [];
    }
    await inherit();
  }

  /**
   * Puts a peer on record; nothing where there is no need to wait for that.
   *
   * @throws {LedgerError} (as a rejection) When it may not be on record.
   */
  record(peer: LedgerPeer): Promise<void> | undefined {
    const key = nameKey(peer.monName);
    this.#removals.delete(key);
    if (this.#supersededBy !== undefined || this.#recorded.has(key)) return undefined;
    // It is recorded, by an older epoch: a reclaim must not be refused (rule R7a).
    if (this.#older.has(key)) {
      void this.#enqueue(peer, true);
      return undefined;
    }
    if (this.#fault !== undefined) return this.#recordLater(peer, this.#refusal());
    const recording = withinBudget(this.#enqueue(peer, false), this.#parts.clock, BUDGET_MS, () => {
      this.#failed(`no answer for ${BUDGET_MS} ms`);
      return this.#refusal();
    });
    if (!this.#parts.isLocalEnough) return recording;
    return recording.catch((error) => this.#recordLater(peer, error));
  }

  /** Acknowledges a peer that the ledger does not have, where that is allowed. */
  #recordLater(peer: LedgerPeer, refusal: Error): Promise<void> | undefined {
    if (!this.#parts.isLocalEnough || this.#isStopped) return Promise.reject(refusal);
    if (this.#supersededBy === undefined) void this.#enqueue(peer, true);
    return undefined;
  }

  /** Finds out whether it is held still; what does not come within a second is not waited for. */
  async look(): Promise<void> {
    if (this.#fault !== undefined || this.#supersededBy !== undefined) return;
    this.#isToBeVerified = true;
    this.#wake();
    const late = () => new LedgerError("no answer yet");
    await withinBudget(this.#working, this.#parts.clock, LOOK_MS, late).catch(() => {});
  }

  /** Takes a peer off the record in a while. */
  drop(monName: string): void {
    const key = nameKey(monName);
    if (!this.#recorded.has(key) && !this.#recordings.has(key)) return;
    if (this.#removals.size === 0) this.#timers.after(REMOVE_AFTER_MS, () => this.#wake());
    this.#removals.set(key, monName);
  }

  /** Peers were told of older epochs: each is settled when it is on record again, or does not come back. */
  told(monNames: readonly string[]): void {
    const owed = monNames.filter((monName) => this.#older.has(nameKey(monName)));
    this.#settlements.add(owed, (key) => this.#recorded.has(key));
  }

  /** Lets go of it, with everything that is to be written. @throws {LedgerError} */
  async release(): Promise<void> {
    if (this.#supersededBy === undefined) {
      this.#wake();
      await this.#working;
      try {
        await this.#parts.ledger.release();
      } catch (error) {
        if (!(error instanceof SupersededError)) throw error;
      }
    }
    this.stop();
  }

  /** Ends all activity; what hangs is left alone. */
  stop(): void {
    this.#isStopped = true;
    this.#timers.stop();
    this.#recordings.refuse(new LedgerError(`identity ${this.#parts.id} is let go`), () => true);
  }

  #enqueue(peer: LedgerPeer, isOwed: boolean): Promise<void> {
    const isThere = this.#recordings.add(peer, isOwed);
    this.#wake();
    return isThere;
  }

  #wake(): void {
    if (this.#isWorking || this.#isStopped || this.#supersededBy !== undefined) return;
    this.#isWorking = true;
    this.#working = this.#work();
  }

  /** Does all that there is to do, one call after the other. It never rejects. */
  async #work(): Promise<void> {
    try {
      if (this.#start !== undefined) {
        await this.#start();
        this.#start = undefined;
        this.#succeeded();
        this.#started.resolve();
      } else if (this.#fault !== undefined) {
        await this.#parts.ledger.tryWriting();
        this.#succeeded();
      }
      for (;;) {
        if (this.#recordings.size > 0) await this.#recordSome();
        else if (this.#removals.size > 0) await this.#removeAll();
        else if (this.#settlements.size > 0) await this.#settleSome();
        else if (this.#isToBeVerified) await this.#verify();
        else return;
        this.#succeeded();
      }
    } catch (error) {
      if (error instanceof SupersededError) this.#superseded(error);
      else this.#failed(reasonOf(error));
    } finally {
      this.#isWorking = false; // in one step with the last look for work
    }
  }

  async #verify(): Promise<void> {
    this.#isToBeVerified = false;
    await this.#parts.ledger.verify();
  }

  async #recordSome(): Promise<void> {
    const some = this.#recordings.take(TOGETHER_MAX);
    try {
      await this.#parts.ledger.put(some.map(({ peer }) => peer));
    } catch (error) {
      this.#recordings.restore(some);
      throw error;
    }
    for (const { key, waiters } of some) {
      this.#recorded.add(key);
      for (const { resolve } of waiters) resolve();
    }
  }

  async #removeAll(): Promise<void> {
    const names = [...this.#removals.values()];
    for (const key of this.#removals.keys()) this.#recorded.delete(key);
    this.#removals.clear();
    await this.#parts.ledger.remove(names);
  }

  async #settleSome(): Promise<void> {
    const some = this.#settlements.first(TOGETHER_MAX);
    await this.#parts.ledger.settle(some.map(([, monName]) => monName));
    for (const [key] of some) {
      this.#settlements.delete(key);
      this.#older.delete(key);
    }
  }

  #succeeded(): void {
    if (this.#fault === undefined) return;
    this.#fault = undefined;
    this.#parts.say("ledgerWorks", this.#parts.id, "its ledger works again");
  }

  /** Opens the circuit breaker: whoever waits is refused, and what is owed is tried again. */
  #failed(reason: string): void {
    if (this.#fault === undefined && !this.#isStopped) {
      const meanwhile = this.#parts.isLocalEnough
        ? "new hosts are on record here alone until its ledger works again, and are forgotten if " +
          "this node dies before"
        : "new hosts are refused until its ledger works again";
      this.#parts.say("ledgerFailed", this.#parts.id, `${reason}; ${meanwhile}`);
      this.#probeLater();
    }
    this.#fault = reason;
    this.#recordings.refuse(this.#refusal(), ({ isOwed }) => !isOwed);
  }

  #superseded(error: SupersededError): void {
    const { id, say } = this.#parts;
    this.#supersededBy = error.by?.node ?? "another node";
    if (!this.#isStopped) {
      say("identityLost", id, `${error.message}; this node does not hold it any more`);
    }
    this.#started.reject(error);
    // Nobody knows which node answers for it; what is asked for from here on does not wait for this one.
    this.#recordings.refuse(error, () => true);
  }

  #refusal(): LedgerError {
    return new LedgerError(`identity ${this.#parts.id}: ${this.#fault}`);
  }

  #probeLater(): void {
    this.#timers.after(PROBE_MS, () => {
      if (this.#fault === undefined) return;
      this.#wake(); // nothing where a call still hangs
      this.#probeLater();
    });
  }
}
