/**
 * The ledger of an identity: who has to be told if the identity moves, or the node that holds it dies.
 * It lies on storage that moves with the service, or that all nodes reach; the interface is narrow so
 * that other engines than a directory can have it.
 *
 * An **epoch** is the token of ownership: each acquire makes a new one by compare-and-swap, with the
 * state number that belongs to it. Whoever holds an older epoch is superseded: what it writes counts
 * for nothing, and it is told so by {@link SupersededError}.
 */

/** A peer that is to be told. No cookies: they mean nothing to the kernel of another node. */
export interface LedgerPeer {
  /** mon_name exactly as given. */
  readonly monName: string;
  /** Numeric addresses as far as they are known. */
  readonly addresses: readonly string[];
}

/** Who holds an identity, or held it last. */
export interface Ownership {
  /** From 1 on. */
  readonly epoch: number;
  /** The state number that is announced with this epoch; odd. */
  readonly state: number;
  readonly node: string;
  /** The life of the node: its boot id. */
  readonly life: string;
  /** When it was acquired, in ISO 8601. */
  readonly since: string;
  /** Whether the holder has let go: then anybody may take it. */
  readonly isReleased: boolean;
}

/** What an acquire came to. */
export type Taking =
  | { readonly outcome: "taken"; readonly own: Ownership; readonly previous: Ownership | undefined }
  /** Somebody else holds it, and the caller does not want it from him. */
  | { readonly outcome: "held"; readonly by: Ownership };

/** Who is to be told because of older epochs. */
export interface Pending {
  readonly peers: readonly LedgerPeer[];
  /** Lines that cannot be read: there may be peers in them. */
  readonly unread: number;
}

/** Another epoch has begun: this one may not write, and may not tell anybody. */
export class SupersededError extends Error {
  override readonly name = "SupersededError";

  constructor(readonly by: Ownership | undefined) {
    super(by === undefined ? "another node has taken it" : `${by.node} has taken it`);
  }
}

/** The ledger cannot be reached, or is none. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
}

/** The ledger does not answer now, and may in a moment: as while a cluster elects its leader. */
export class SilentLedgerError extends LedgerError {}

/**
 * The ledger of one identity. All calls reject with {@link LedgerError} when the storage does not do its
 * work; those that need the present epoch, with {@link SupersededError} when it is over. Nobody but the
 * caller bounds the time that they take. One call is made at a time.
 */
export interface Ledger {
  /** Who holds it; undefined for one that nobody has held yet. */
  owner(): Promise<Ownership | undefined>;
  /**
   * Makes a new epoch with the next state number. `mayTakeFrom` is asked about a holder that has not
   * let go. What was acknowledged under older epochs is in {@link pending} from then on.
   */
  take(
    claim: Pick<Ownership, "node" | "life" | "since">,
    mayTakeFrom: (owner: Ownership) => boolean,
  ): Promise<Taking>;
  /** Goes on with an epoch of an earlier process; the peers that are on record under it. */
  adopt(own: Ownership): Promise<readonly LedgerPeer[]>;
  /** Looks at an epoch that another process writes in: for {@link verify} and {@link pending} alone. */
  observe(own: Ownership): Promise<void>;
  /** Whether the epoch is still the present one. @throws {SupersededError} */
  verify(): Promise<void>;
  /** Writes what changes nothing: whether what failed before works again. @throws {SupersededError} */
  tryWriting(): Promise<void>;
  /** Makes peers lasting under the present epoch. */
  put(peers: readonly LedgerPeer[]): Promise<void>;
  /** Takes peers off the present epoch; older ones are left alone. */
  remove(monNames: readonly string[]): Promise<void>;
  /** Takes peers off all older epochs, as they were told; the present one is left alone. */
  settle(monNames: readonly string[]): Promise<void>;
  /** Who is left to be told of older epochs. */
  pending(): Promise<Pending>;
  /** Lets go: whoever comes next need not be told that this node is dead. */
  release(): Promise<void>;
}
