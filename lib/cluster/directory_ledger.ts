/**
 * Ledger in a directory: on DRBD, a SAN disk, a Kubernetes volume, ZFS, or a cluster file system.
 *
 * ```
 * DIR/epoch.N/owner      owner of epoch N, and its state number
 * DIR/epoch.N/journal    peers on record under the epoch
 * DIR/.new.*             epoch being created
 * DIR/.old.*             epoch being removed
 * ```
 *
 * **A write counts if its epoch is still the highest after it.** The write is synced first, then
 * the names are read. Whoever creates a higher epoch reads the lower journals only after that, and
 * so finds all acknowledged writes. A superseded node writes to its own epoch, which changes
 * nothing that a later owner has on record.
 */

import { nameKey } from "../nsm/host_name.ts";
import { quote } from "../quote.ts";
import type { Clock } from "../time/clock.ts";
import { inSlices } from "../time/slices.ts";
import { EpochDirectory, type LedgerFiles } from "./epoch_directory.ts";
import {
  adding,
  emptySum,
  goneLine,
  type JournalSum,
  PeerKeys,
  peerLine,
  piecesOf,
  toldLine,
} from "./journal.ts";
import {
  type Ledger,
  LedgerError,
  type LedgerPeer,
  type Owed,
  type Ownership,
  type Pending,
  type PutLimits,
  type Taking,
} from "./ledger.ts";
import { firstStateNumber, laterStateNumber } from "./state_numbers.ts";

/** Dependencies of a ledger. */
export interface DirectoryLedgerParts {
  readonly files: LedgerFiles;
  /** Generates a unique text, for names of new and removed epochs. */
  readonly randomName: () => string;
  readonly clock: Clock;
}

/** One sync serves all peers of a put; more of them would block the event loop for too long. */
const PUT_LIMITS: PutLimits = { outstanding: 1, peers: 250 };
/** Attempts of an acquire that lost the race to another node. */
const TAKE_ATTEMPTS = 10;
/** Journal length, in characters, from which compaction is considered. */
const COMPACT_FROM = 1 << 20;
/** Factor by which a journal may exceed its live part; the longest one has to be readable. */
const COMPACT_FACTOR = 2;

export class DirectoryLedger implements Ledger {
  readonly putLimits = PUT_LIMITS;
  readonly #epochs: EpochDirectory;
  readonly #clock: Clock;
  #own: Ownership | undefined;
  /** Keys of peers told of older epochs, from the present journal. */
  #told = new Set<string>();
  /** Length of the present journal, in characters; Infinity if it has to be rewritten. */
  #length = 0;
  /** Length from which compaction is considered next. */
  #compactFrom = COMPACT_FROM;
  /** Keys of peers to be told of older epochs; undefined before they were read. */
  #outstanding: Set<string> | undefined;
  /** Number of unreadable lines in older epochs. */
  #unread = 0;

  constructor(directory: string, { files, randomName, clock }: DirectoryLedgerParts) {
    this.#epochs = new EpochDirectory(directory, files, randomName);
    this.#clock = clock;
  }

  owner(): Promise<Ownership | undefined> {
    return this.#epochs.guarded(() => this.#epochs.owner());
  }

  take(
    claim: Pick<Ownership, "node" | "life" | "since">,
    mayTakeFrom: (owner: Ownership) => boolean,
  ): Promise<Taking> {
    return this.#epochs.guarded(async () => {
      for (let attempt = 0; attempt < TAKE_ATTEMPTS; attempt++) {
        const previous = await this.owner();
        if (previous !== undefined && !previous.isReleased && !mayTakeFrom(previous)) {
          return { outcome: "held", by: previous };
        }
        const state = previous === undefined
          ? firstStateNumber(this.#clock.wallClock())
          : laterStateNumber(previous.state, this.#clock.wallClock());
        const own = { ...claim, epoch: (previous?.epoch ?? 0) + 1, state, isReleased: false };
        if (!await this.#epochs.make(own)) continue;
        this.#begin(own, new Set(), 0);
        await this.#epochs.tidy();
        return { outcome: "taken", own, previous };
      }
      throw new LedgerError(`other nodes take ${quote(this.#epochs.path)} at the same time`);
    });
  }

  async adopt(own: Ownership): Promise<Set<string>> {
    // A killed process may have written lines without a sync: lines that are read must be durable.
    await this.#epochs.guarded(() => this.#epochs.files.sync(this.#epochs.journalOf(own.epoch)));
    return (await this.#resume(own)).peers;
  }

  async observe(own: Ownership): Promise<void> {
    await this.#resume(own);
  }

  verify(): Promise<void> {
    return this.#epochs.guarded(() => this.#epochs.requireHeld(this.#requireOwn()));
  }

  async tryWriting(): Promise<void> {
    await this.#append([]);
  }

  async put(peers: readonly LedgerPeer[]): Promise<void> {
    await this.#append(peers.map(peerLine));
  }

  async remove(monNames: readonly string[]): Promise<void> {
    await this.#append(monNames.map(goneLine));
  }

  async settle(monNames: readonly string[]): Promise<void> {
    const outstanding = this.#outstanding ?? await this.#readOutstanding();
    await this.#append(monNames.map(toldLine));
    for (const key of monNames.map(nameKey)) {
      this.#told.add(key);
      outstanding.delete(key);
    }
    if (outstanding.size > 0 || this.#unread > 0) return;
    await this.#epochs.guarded(async () => {
      const older = await this.#epochs.olderThan(this.#requireOwn());
      for (const epoch of older) await this.#epochs.remove(epoch);
    });
  }

  async pending(): Promise<Pending> {
    const peers = await this.#epochs.guarded(() => this.#readOlder(() => new Map()));
    return { peers: [...peers.values()], unread: this.#unread };
  }

  async owed(): Promise<Owed> {
    return { keys: await this.#readOutstanding(), unread: this.#unread };
  }

  release(): Promise<void> {
    return this.#epochs.guarded(async () => {
      const own = this.#requireOwn();
      await this.#epochs.olderThan(own);
      await this.#epochs.release(own);
      this.#own = undefined;
    });
  }

  /** Appends lines to the journal of the present epoch; they count once the promise has resolved. */
  #append(lines: readonly string[]): Promise<void> {
    return this.#epochs.guarded(async () => {
      const { files } = this.#epochs;
      const own = this.#requireOwn();
      // Checked before the write to spare a superseded epoch, and after it for the verdict.
      await this.#epochs.olderThan(own);
      const path = this.#epochs.journalOf(own.epoch);
      if (this.#length > this.#compactFrom) await this.#compact(own.epoch);
      const text = lines.join("");
      const before = this.#length;
      // A failure may leave half a line.
      this.#length = Infinity;
      await files.append(path, text);
      await files.sync(path);
      this.#length = before + text.length;
      await this.#epochs.olderThan(own);
    });
  }

  /** Compacts the journal if most of it is superseded, or if its end may be broken. */
  async #compact(epoch: number): Promise<void> {
    const { files } = this.#epochs;
    const sum = emptySum(new Map<string, LedgerPeer>());
    await this.#add(await files.read(this.#epochs.journalOf(epoch)) ?? "", sum);
    let text = "";
    await this.#inSlices(function* () {
      for (const piece of piecesOf(sum)) yield text += piece;
    });
    this.#compactFrom = Math.max(COMPACT_FROM, COMPACT_FACTOR * text.length);
    if (this.#length < this.#compactFrom) return;
    await this.#epochs.replace(epoch, "journal", text);
    this.#length = text.length;
  }

  #requireOwn(): Ownership {
    if (this.#own === undefined) throw new LedgerError("the identity is not held");
    return this.#own;
  }

  /** Reads the journal of an epoch and resumes it. */
  #resume(own: Ownership): Promise<JournalSum<PeerKeys>> {
    return this.#epochs.guarded(async () => {
      await this.#epochs.requireHeld(own);
      const text = await this.#epochs.files.read(this.#epochs.journalOf(own.epoch));
      if (text === undefined) throw new LedgerError(`the journal of epoch ${own.epoch} is gone`);
      const sum = emptySum(new PeerKeys());
      await this.#add(text, sum);
      this.#begin(own, sum.told, sum.isWhole ? text.length : Infinity);
      return sum;
    });
  }

  #begin(own: Ownership, told: Set<string>, length: number): void {
    this.#own = own;
    this.#told = told;
    this.#length = length;
    this.#compactFrom = COMPACT_FROM;
    this.#outstanding = undefined;
  }

  /** Older epochs no longer change in a way that counts. */
  async #readOutstanding(): Promise<Set<string>> {
    return this.#outstanding = await this.#epochs.guarded(() =>
      this.#readOlder(() => new PeerKeys())
    );
  }

  /** Peers of older epochs; `none` makes a collection for them. */
  async #readOlder<P extends Map<string, LedgerPeer> | PeerKeys>(none: () => P): Promise<P> {
    let pending = none();
    this.#unread = 0;
    for (const epoch of await this.#epochs.olderThan(this.#requireOwn())) {
      const text = await this.#epochs.files.read(this.#epochs.journalOf(epoch));
      // Removed by an earlier owner that has told all its peers; or an operator has removed the
      // journal.
      if (text === undefined && (await this.#epochs.epochs()).includes(epoch)) this.#unread++;
      const sum = emptySum(none());
      await this.#add(text ?? "", sum);
      this.#unread += sum.unread.length;
      pending = await this.#merged(pending, sum);
    }
    for (const key of this.#told) pending.delete(key);
    return pending;
  }

  /** Peers pending before an epoch, and those of the epoch. */
  async #merged<P extends Map<string, LedgerPeer> | PeerKeys>(
    pending: P,
    { told, peers }: JournalSum<P>,
  ): Promise<P> {
    if (pending.size === 0) return peers; // as a rule
    await this.#inSlices(function* () {
      for (const key of told) yield pending.delete(key);
      for (const [key, peer] of peers.entries()) yield pending.set(key, peer as LedgerPeer);
    });
    return pending;
  }

  #add(text: string, sum: JournalSum<Map<string, LedgerPeer> | PeerKeys>): Promise<void> {
    return this.#inSlices(() => adding(text, sum));
  }

  async #inSlices(steps: () => Iterable<unknown>): Promise<void> {
    const { signal } = new AbortController(); // never aborted
    await inSlices(steps(), { clock: this.#clock, signal });
  }
}
