/**
 * Ledger in etcd. All keys have a prefix P that the status monitors of one site share:
 *
 * ```
 * P/owner/ID                      owner of the identity, and its state number
 * P/turn/ID                       fencing token for the writes of one process
 * P/mon/ID/EPOCH/NAME             peer on record; epoch in 20 digits, name percent-encoded
 * ```
 *
 * The modification revision of the owner key **is** the epoch, and every write compares it. Epochs
 * are part of the keys, so that a new registration does not replace a record that still has to be
 * told for an older epoch.
 *
 * A write without an answer may be executed late. A late removal would remove a newer registration.
 * So every write also compares a **turn**; etcd_turns.ts has the reason.
 */

import { nameKey } from "../nsm/host_name.ts";
import { jsonObject } from "../json_object.ts";
import type { Clock } from "../time/clock.ts";
import { type Answer, type EtcdClient, RANGE, TXN } from "./etcd_client.ts";
import {
  deleting,
  type KeyValue,
  putting,
  rangeBody,
  reading,
  transactionBody,
  unchangedSince,
} from "./etcd_messages.ts";
import { EtcdRecords } from "./etcd_records.ts";
import { EtcdTurns } from "./etcd_turns.ts";
import {
  type Ledger,
  LedgerError,
  type LedgerPeer,
  type Owed,
  type Ownership,
  type Pending,
  type PutLimits,
  SupersededError,
  type Taking,
} from "./ledger.ts";
import { ownerText, parseOwner } from "./ownership.ts";
import { firstStateNumber, laterStateNumber } from "./state_numbers.ts";

export interface EtcdLedgerParts {
  readonly client: EtcdClient;
  /** Key prefix, without a trailing slash. */
  readonly prefix: string;
  readonly randomName: () => string;
  readonly clock: Clock;
}

/** Epochs in which each peer has a key, by {@link nameKey}. */
type Outstanding = Map<string, readonly number[]>;

/** Attempts of an acquire that lost the race to another node. */
const ATTEMPTS = 10;
/** Operations per transaction; etcd accepts 128. */
const TOGETHER_MAX = 100;
/** etcd syncs its log once for all transactions that arrive meanwhile. */
const PUT_LIMITS: PutLimits = { outstanding: 4, peers: TOGETHER_MAX };

export class EtcdLedger implements Ledger {
  readonly putLimits = PUT_LIMITS;
  readonly #parts: EtcdLedgerParts;
  readonly #records: EtcdRecords;
  readonly #ownerKey: string;
  readonly #turnKey: string;
  #own: Ownership | undefined;
  /** Writes under the epoch held. */
  #turns: EtcdTurns | undefined;
  /** Peers to be told of older epochs; undefined before they were read. */
  #outstanding: Outstanding | undefined;

  constructor(id: string, parts: EtcdLedgerParts) {
    this.#parts = parts;
    this.#records = new EtcdRecords(parts.client, `${parts.prefix}/mon/${id}/`);
    this.#ownerKey = `${parts.prefix}/owner/${id}`;
    this.#turnKey = `${parts.prefix}/turn/${id}`;
  }

  async owner(): Promise<Ownership | undefined> {
    return this.#ownerIn((await this.#read()).found);
  }

  async take(
    claim: Pick<Ownership, "node" | "life" | "since">,
    mayTakeFrom: (owner: Ownership) => boolean,
  ): Promise<Taking> {
    await this.#parts.client.requireOneCluster(RANGE, rangeBody(this.#ownerKey));
    const token = this.#parts.randomName();
    let previous: Ownership | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const there = await this.#read();
      const owner = this.#ownerIn(there.found);
      // Our own earlier attempt, whose answer was lost.
      if (owner !== undefined && tokenOf(there.found) === token) {
        return this.#taken(owner, previous);
      }
      previous = owner;
      if (previous !== undefined && !previous.isReleased && !mayTakeFrom(previous)) {
        return { outcome: "held", by: previous };
      }
      const now = this.#parts.clock.wallClock();
      const state = previous === undefined
        ? firstStateNumber(now)
        : laterStateNumber(previous.state, now);
      const value = { ...claim, state, isReleased: false, token };
      const { reply } = await this.#transaction(
        [unchangedSince(this.#ownerKey, there.found[0]?.modRevision ?? 0)],
        [putting(this.#ownerKey, ownerText(value)), putting(this.#turnKey, token)],
      );
      if (!reply.hasSucceeded) continue;
      const own = { ...claim, state, isReleased: false, epoch: reply.revision };
      return this.#taken(own, previous);
    }
    throw new LedgerError("etcd: other nodes take the identity at the same time");
  }

  async adopt(own: Ownership): Promise<Set<string>> {
    await this.observe(own);
    // Fences off late writes of an earlier process.
    await this.#requireTurns().begin();
    const keys = new Set<string>();
    for await (const { peer } of this.#records.of(own.epoch)) {
      if (peer !== undefined) keys.add(nameKey(peer.monName));
    }
    return keys;
  }

  async observe(own: Ownership): Promise<void> {
    this.#begin(own, undefined);
    await this.verify();
  }

  async verify(): Promise<void> {
    this.#requirePresent((await this.#read()).found);
  }

  async tryWriting(): Promise<void> {
    await this.#requireTurns().begin();
  }

  async put(peers: readonly LedgerPeer[]): Promise<void> {
    const turns = this.#requireTurns();
    const { epoch } = turns;
    for (let i = 0; i < peers.length; i += TOGETHER_MAX) {
      const some = peers.slice(i, i + TOGETHER_MAX);
      await turns.write(some.map((peer) => this.#records.putting(epoch, peer)), true);
    }
  }

  async remove(monNames: readonly string[]): Promise<void> {
    const turns = this.#requireTurns();
    const { epoch } = turns;
    for (let i = 0; i < monNames.length; i += TOGETHER_MAX) {
      const some = monNames.slice(i, i + TOGETHER_MAX);
      await turns.write(some.map((name) => deleting(this.#records.keyOf(epoch, name))), false);
    }
  }

  async settle(monNames: readonly string[]): Promise<void> {
    const outstanding = this.#outstanding ?? (await this.#readOlder()).outstanding;
    const keys = [...new Set(monNames.map(nameKey))].flatMap((key) =>
      (outstanding.get(key) ?? []).map((epoch) => this.#records.keyOf(epoch, key))
    );
    for (let i = 0; i < keys.length; i += TOGETHER_MAX) {
      await this.#requireTurns().write(keys.slice(i, i + TOGETHER_MAX).map(deleting), true);
    }
    for (const monName of monNames) outstanding.delete(nameKey(monName));
  }

  async pending(): Promise<Pending> {
    const peers = new Map<string, LedgerPeer>();
    const { unread } = await this.#readOlder((key, peer) => void peers.set(key, peer));
    return { peers: [...peers.values()], unread };
  }

  async owed(): Promise<Owed> {
    const { outstanding: keys, unread } = await this.#readOlder();
    return { keys, unread };
  }

  /** Reads older epochs, which no longer change in a way that counts. */
  async #readOlder(
    take: (key: string, peer: LedgerPeer) => void = () => {},
  ): Promise<{ outstanding: Outstanding; unread: number }> {
    const { epoch: present } = this.#requireOwn();
    await this.verify();
    const outstanding: Outstanding = new Map();
    let unread = 0;
    /** Array shared by all peers with a single epoch, the usual case. */
    let alone: readonly number[] = [];
    for await (const { epoch, peer } of this.#records.before(present)) {
      if (peer === undefined) {
        unread++;
        continue;
      }
      const key = nameKey(peer.monName);
      const before = outstanding.get(key);
      if (alone[0] !== epoch) alone = [epoch];
      outstanding.set(key, before === undefined ? alone : [...before, epoch]);
      take(key, peer);
    }
    this.#outstanding = outstanding;
    return { outstanding, unread };
  }

  async release(): Promise<void> {
    const { epoch, ...own } = this.#requireOwn();
    const token = this.#parts.randomName();
    const value = { ...own, isReleased: true, token };
    const { reply } = await this.#transaction(
      [unchangedSince(this.#ownerKey, epoch)],
      [putting(this.#ownerKey, ownerText(value))],
      [reading(this.#ownerKey)],
    );
    // An earlier attempt of ours may have succeeded.
    if (!reply.hasSucceeded && tokenOf(reply.found) !== token) this.#requirePresent(reply.found);
    this.#own = undefined;
  }

  #taken(own: Ownership, previous: Ownership | undefined): Taking {
    this.#begin(own, own.epoch); // the turn was written in the owner's transaction
    return { outcome: "taken", own, previous };
  }

  #begin(own: Ownership, turn: number | undefined): void {
    const { client, randomName } = this.#parts;
    this.#own = own;
    this.#turns = new EtcdTurns(
      {
        client,
        ownerKey: this.#ownerKey,
        turnKey: this.#turnKey,
        randomName,
        requirePresent: (found) => this.#requirePresent(found),
      },
      own.epoch,
      turn,
    );
    this.#outstanding = undefined;
  }

  #requireOwn(): Ownership {
    if (this.#own === undefined) throw new LedgerError("the identity is not held");
    return this.#own;
  }

  #requireTurns(): EtcdTurns {
    this.#requireOwn();
    return this.#turns!;
  }

  /**
   * Requires the present epoch. A restored or newly created etcd has no owner, or an earlier one of
   * this node; then no other node has superseded it. @throws {SupersededError | LedgerError}
   */
  #requirePresent(found: readonly KeyValue[]): void {
    const { epoch, since, node } = this.#requireOwn();
    const owner = this.#ownerIn(found);
    if (owner === undefined || owner.epoch < epoch && owner.node === node) {
      throw new LedgerError(
        `etcd: epoch ${epoch} is gone, as from one restored or begun anew: acquire it again`,
      );
    }
    if (owner.epoch !== epoch) throw new SupersededError(owner);
    if (owner.since !== since) {
      throw new LedgerError("etcd: it is not the cluster in which the identity was acquired");
    }
  }

  #ownerIn([entry]: readonly KeyValue[]): Ownership | undefined {
    if (entry === undefined) return undefined;
    const owner = parseOwner(entry.value, entry.modRevision);
    if (owner !== undefined) return owner;
    throw new LedgerError(`etcd: ${this.#ownerKey} does not say which node acquired the identity`);
  }

  async #read() {
    return (await this.#parts.client.call(RANGE, rangeBody(this.#ownerKey))).reply;
  }

  #transaction(
    compare: readonly unknown[],
    success: readonly unknown[],
    failure: readonly unknown[] = [],
  ): Promise<Answer> {
    return this.#parts.client.call(TXN, transactionBody(compare, success, failure));
  }
}

/** Token by which the owner key's writer marked its claim. */
function tokenOf([entry]: readonly KeyValue[]): unknown {
  return entry && jsonObject(entry.value)?.["token"];
}
