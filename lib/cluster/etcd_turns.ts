/**
 * Turns: fencing tokens for the writes of one process to etcd. Every write compares the turn, and
 * the owner. After a removal with an unknown result a new turn is begun, which makes the old
 * removal fail if it is executed late.
 */

import { type Answer, type EtcdClient, TXN } from "./etcd_client.ts";
import {
  type KeyValue,
  putting,
  reading,
  transactionBody,
  unchangedSince,
} from "./etcd_messages.ts";
import { LedgerError } from "./ledger.ts";

export interface EtcdTurnsParts {
  readonly client: EtcdClient;
  readonly ownerKey: string;
  readonly turnKey: string;
  readonly randomName: () => string;
  /** @throws {SupersededError} When the owner found is not the present one. */
  readonly requirePresent: (found: readonly KeyValue[]) => void;
}

/** Attempts of a write that lost its turn. */
const ATTEMPTS = 10;

export class EtcdTurns {
  /** Revision of this process's turn; undefined before one is begun. */
  #turn: number | undefined;
  /** Turn being begun, for all writes that need one. */
  #beginning: Promise<number> | undefined;

  constructor(
    readonly parts: EtcdTurnsParts,
    readonly epoch: number,
    /** Turn that was begun with the epoch. */
    turn: number | undefined,
  ) {
    this.#turn = turn;
  }

  /** Writes in the present epoch and turn; `mayComeLate`: late execution is harmless. */
  async write(operations: readonly unknown[], mayComeLate: boolean): Promise<void> {
    const { turnKey, requirePresent } = this.parts;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const turn = this.#turn ?? await this.#next();
      if (!mayComeLate) this.#turn = undefined; // restored below if the result is known
      const { reply, isSingle } = await this.#transaction(
        [unchangedSince(turnKey, turn)],
        operations,
      );
      if (reply.hasSucceeded) {
        if (!mayComeLate && isSingle) this.#turn = turn;
        return;
      }
      requirePresent(reply.found);
      if (this.#turn === turn) this.#turn = undefined;
    }
    throw new LedgerError("etcd: another process writes for this node");
  }

  /** Begins a new turn, after which no earlier write of this node is executed. */
  async begin(): Promise<number> {
    const { turnKey, randomName, requirePresent } = this.parts;
    const { reply } = await this.#transaction([], [putting(turnKey, randomName())]);
    if (!reply.hasSucceeded) {
      requirePresent(reply.found);
      throw new LedgerError("etcd: it gives two different holders of the identity");
    }
    return this.#turn = reply.revision;
  }

  /** Begins a turn, once for all writes that wait for it. */
  #next(): Promise<number> {
    return this.#beginning ??= this.begin().finally(() => this.#beginning = undefined);
  }

  #transaction(compare: readonly unknown[], operations: readonly unknown[]): Promise<Answer> {
    const { client, ownerKey } = this.parts;
    const all = [unchangedSince(ownerKey, this.epoch), ...compare];
    return client.call(TXN, transactionBody(all, operations, [reading(ownerKey)]));
  }
}
