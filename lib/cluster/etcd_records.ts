/** Peers on record in etcd: one key per epoch and name. etcd_ledger.ts has the layout. */

import { jsonObject } from "../json_object.ts";
import { nameKey } from "../nsm/host_name.ts";
import { type EtcdClient, RANGE } from "./etcd_client.ts";
import { type KeyValue, putting, rangeBody } from "./etcd_messages.ts";
import { parsePeer, peerText } from "./journal.ts";
import { LedgerError, type LedgerPeer } from "./ledger.ts";

/** Record read. */
export interface EtcdRecord {
  readonly epoch: number;
  /** Undefined if unreadable: it may be a peer. */
  readonly peer: LedgerPeer | undefined;
}

const EPOCH_DIGITS = 20;
/** Keys per page; a response is read whole. */
const PAGE = 500;
/** Limit of keys per ledger, so that a faulty server cannot exhaust memory. */
const RECORDS_MAX = 1_000_000;

export class EtcdRecords {
  /** Last epoch whose folder was asked for, and the folder: tens of thousands of keys are in one. */
  #last = { epoch: 0, folder: "" };

  /** `prefix` ends with a slash. */
  constructor(readonly client: EtcdClient, readonly prefix: string) {}

  keyOf(epoch: number, monName: string): string {
    return `${this.#folderOf(epoch)}${encodeURIComponent(nameKey(monName))}`;
  }

  putting(epoch: number, peer: LedgerPeer): unknown {
    return putting(this.keyOf(epoch, peer.monName), peerText(peer));
  }

  /** Records of one epoch. */
  of(epoch: number): AsyncGenerator<EtcdRecord> {
    return this.#between(this.#folderOf(epoch), this.#folderOf(epoch + 1));
  }

  /** Records of older epochs, oldest first. */
  before(epoch: number): AsyncGenerator<EtcdRecord> {
    return this.#between(this.prefix, this.#folderOf(epoch));
  }

  /** Reads page by page. Keys removed meanwhile may or may not appear; no other key is skipped. */
  async *#between(from: string, to: string): AsyncGenerator<EtcdRecord> {
    let start = from;
    for (let count = 0; count <= RECORDS_MAX; count += PAGE) {
      const { reply } = await this.client.call(RANGE, rangeBody(start, to, PAGE));
      for (const entry of reply.found) {
        if (entry.key < start || entry.key >= to) {
          throw new LedgerError("etcd: it returned keys that were not requested");
        }
        yield this.#recordOf(entry);
      }
      const last = reply.found.at(-1);
      if (!reply.hasMore || last === undefined) return;
      start = `${last.key}\0`;
    }
    throw new LedgerError(`etcd: more than ${RECORDS_MAX} keys below ${this.prefix}`);
  }

  #recordOf({ key, value }: KeyValue): EtcdRecord {
    const epoch = Number(key.slice(this.prefix.length, this.prefix.length + EPOCH_DIGITS));
    const peer = parsePeer(jsonObject(value));
    const isItsKey = peer !== undefined && this.keyOf(epoch, peer.monName) === key;
    return { epoch, peer: isItsKey ? peer : undefined };
  }

  #folderOf(epoch: number): string {
    if (this.#last.epoch !== epoch) {
      const folder = `${this.prefix}${`${epoch}`.padStart(EPOCH_DIGITS, "0")}/`;
      this.#last = { epoch, folder };
    }
    return this.#last.folder;
  }
}
