/**
 * Ledger of an identity: the peers to be told when the identity moves, or its node dies. It is
 * stored where the service moves, or where all nodes reach it; the interface is narrow, so that
 * other engines can implement it.
 *
 * An **epoch** is a fencing token: each acquire creates a new one by compare-and-swap, with its own
 * state number. The owner of an older epoch is superseded: its writes have no effect, and it gets a
 * {@link SupersededError}.
 */

/** Peer to be told. It has no cookie, which would mean nothing to another node's kernel. */
export interface LedgerPeer {
  /** mon_name exactly as given. */
  readonly monName: string;
  /** Known numeric addresses. */
  readonly addresses: readonly string[];
}

/** Present or last owner of an identity. */
export interface Ownership {
  /** Epoch, from 1 on. */
  readonly epoch: number;
  /** State number announced with the epoch; odd. */
  readonly state: number;
  readonly node: string;
  /** Boot id of the node. */
  readonly life: string;
  /** Time of acquisition, in ISO 8601. */
  readonly since: string;
  /** Whether the owner has released it, so that any node may take it. */
  readonly isReleased: boolean;
}

/** Result of an acquire. */
export type Taking =
  | { readonly outcome: "taken"; readonly own: Ownership; readonly previous: Ownership | undefined }
  /** Another node holds it, and the caller did not ask to take it over. */
  | { readonly outcome: "held"; readonly by: Ownership };

/** Peers to be told because of older epochs. */
export interface Pending {
  readonly peers: readonly LedgerPeer[];
  /** Unreadable lines, each perhaps a peer. */
  readonly unread: number;
}

/** Thrown when an epoch is over: this node may neither write nor notify. */
export class SupersededError extends Error {
  override readonly name = "SupersededError";

  /** `by` is the owner of the newer epoch, or the one that has released this epoch. */
  constructor(readonly by: Ownership | undefined) {
    const node = by?.node ?? "another node";
    super(`${node} has ${by?.isReleased === true ? "released" : "taken"} it`);
  }
}

/** Thrown when the ledger cannot be reached, or is invalid. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
}

/** Error: the ledger does not answer now, for example during an election. */
export class SilentLedgerError extends LedgerError {}

/** Keys of the peers to be told because of older epochs, by {@link nameKey}; {@link Ledger.settle} removes some. */
export interface Owed {
  readonly keys: Pick<ReadonlySet<string>, "has" | "size">;
  /** Number of unreadable lines, each perhaps a peer. */
  readonly unread: number;
}

/** Preferred sizes of puts. */
export interface PutLimits {
  /** Puts that may be outstanding together. */
  readonly outstanding: number;
  /** Peers in one put. */
  readonly peers: number;
}

/**
 * Ledger of one identity. Calls reject with {@link LedgerError} when the storage fails, and with
 * {@link SupersededError} when they need the present epoch and it is superseded. Callers have to
 * bound the time of a call, and to make one call at a time; only puts may overlap other puts.
 */
export interface Ledger {
  readonly putLimits: PutLimits;
  /** Owner; undefined if there was none yet. */
  owner(): Promise<Ownership | undefined>;
  /**
   * Creates a new epoch with the next state number. `mayTakeFrom` decides about an owner that has
   * not released it. Peers acknowledged under older epochs are then in {@link pending}.
   */
  take(
    claim: Pick<Ownership, "node" | "life" | "since">,
    mayTakeFrom: (owner: Ownership) => boolean,
  ): Promise<Taking>;
  /** Resumes an epoch of an earlier process; returns the keys of the peers on record under it. */
  adopt(own: Ownership): Promise<Set<string>>;
  /** Reads an epoch that another process writes, only for {@link verify} and {@link pending}. */
  observe(own: Ownership): Promise<void>;
  /** Checks that the epoch is the present one, and not released. @throws {SupersededError} */
  verify(): Promise<void>;
  /** Probes a failed ledger by a write without effect. @throws {SupersededError} */
  tryWriting(): Promise<void>;
  /** Records peers durably under the present epoch. */
  put(peers: readonly LedgerPeer[]): Promise<void>;
  /** Removes peers from the present epoch, not from older ones. */
  remove(monNames: readonly string[]): Promise<void>;
  /** Removes peers from all older epochs, since they were told; not from the present one. */
  settle(monNames: readonly string[]): Promise<void>;
  /** Peers still to be told of older epochs. */
  pending(): Promise<Pending>;
  /** Keys of these peers alone, as there may be tens of thousands. */
  owed(): Promise<Owed>;
  /** Releases the identity, so that the next owner needs no proof that this node is dead. */
  release(): Promise<void>;
}
