/**
 * Interfaces that the monitor needs of the outside: clock, name service, state directory, and calls
 * to peers. store/, net/ and platform/ implement them; tests pass fakes.
 */

import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import type { Args, Procedures, Program, Result } from "../rpc/program.ts";
import type { Endpoint } from "../rpc/transport.ts";

/** Result of a name look-up: three outcomes, never two. */
export type Lookup<T> =
  | { readonly outcome: "found"; readonly value: T }
  /** No answer, or a server failure: a retry may succeed. */
  | { readonly outcome: "tryLater"; readonly reason: string }
  /** Negative answer: no such name, or no such record. */
  | { readonly outcome: "notFound"; readonly reason: string };

/** Result of a forward look-up. */
export interface HostAddresses {
  /** Canonical name, which may be the name asked for. */
  readonly canonicalName: string;
  /** Numeric addresses of both families, in the order returned, without duplicates. */
  readonly addresses: readonly string[];
}

/** Name service of this host (hosts file and DNS), as its administrator configured it. */
export interface Resolver {
  /** Addresses of a name; a numeric address resolves to itself. */
  addressesOf(name: string): Promise<Lookup<HostAddresses>>;
  /** Canonical name of an address. */
  nameOf(address: string): Promise<Lookup<string>>;
}

/** Registration: the arguments of SM_MON. */
export interface MonitorRecord {
  /** mon_name exactly as given. */
  readonly monName: string;
  /** my_name with each blank, TAB, CR and LF replaced by `_`. */
  readonly myName: string;
  readonly myProg: number;
  readonly myVers: number;
  readonly myProc: number;
  /** 16 opaque bytes as 32 lower-case hex digits, which take a quarter of an array's memory. */
  readonly priv: string;
}

/** Thrown when the state directory cannot be read or written. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";

  constructor(readonly operation: string, readonly path: string, cause: unknown) {
    super(`Cannot ${operation} ${quote(path)}: ${reasonOf(cause)}`, { cause });
  }
}

/** Thrown for a record that no file can hold, because of its name or text; the disk is not at fault. */
export class UnstorableRecordError extends StoreError {
  override readonly name = "UnstorableRecordError";
}

/** Monitor list on disk (directory `sm`) and state number, as statd uses them. */
export interface MonitorStore {
  /**
   * Loads every readable record. A file is read when its first record is requested; the store must
   * not be changed before the iteration ends. Unreadable files stay where they are and are
   * reported.
   *
   * @throws {StoreError} On the first record, when the directory cannot be read.
   */
  load(): Iterable<MonitorRecord>;
  /** Number of files that load() could not read; some may be readable later. */
  readonly unread: number;
  /** Whether such a file may have records of a peer. */
  isUnread(monName: string): boolean;
  /**
   * Retries the unread files: yields per file, with the records of one that can be read now. A file
   * with a record that is not wanted yet stays unread.
   */
  loadUnread(wanted: (record: MonitorRecord) => boolean): Iterable<readonly MonitorRecord[]>;
  /**
   * Names other than its mon_name under which load() has found a peer's records: nfs-utils names
   * the file after the canonical name.
   */
  otherNames(monName: string): readonly string[];
  /**
   * Notes mon_names whose records the list drops and the disk keeps, at SM_SIMU_CRASH or until a
   * removal: a put() in other letters replaces them.
   */
  dropped(monNames: Iterable<string>): void;
  /**
   * Makes a record durable, in place of all others of its registration. `replaced` is an older one,
   * with another priv or spelling. A crash leaves the old or the new record.
   *
   * Calls of put() and remove() in one turn of the event loop share one group commit; they take
   * effect in order.
   *
   * @throws {StoreError} (as a rejection) When the new record may not be on disk; then the old or the new
   * one is.
   */
  put(record: MonitorRecord, replaced?: MonitorRecord): Promise<void>;
  /**
   * Removes all records of these registrations, in any letter case, but those that `isKept` names
   * when the disk is changed; missing ones are ignored. A removal survives the process's death. A
   * power cut within the next second may undo it, so that the peer is told of that reboot.
   *
   * @throws {StoreError} (as a rejection) When some of the records may still be there.
   */
  remove(
    records: readonly MonitorRecord[],
    isKept?: (record: MonitorRecord) => boolean,
  ): Promise<void>;
  /**
   * Number in the file `state`, made odd; another process may have advanced it.
   *
   * @throws {StoreError} When the file cannot be read or, if missing, not written.
   */
  stateNumber(): number;
  /**
   * Tests whether a new record could be made durable now.
   *
   * @throws {StoreError} When it could not.
   */
  check(): void;
  /**
   * Makes removals durable and deletes spare files. Called when no peer is monitored, so that the
   * directory looks empty; `isAtOnce`: before the call that removed them is answered.
   */
  tidy(isAtOnce?: boolean): void;
}

/** Record in `sm.bak`: a peer to be told, and the name under which it knows us. */
export interface NotifyRecord {
  /** Name of the record's file: the peer's name for look-ups. */
  readonly fileName: string;
  readonly monName: string;
  readonly myName: string;
  /** Modification time of the file, in ms since 1970: newer records are told first. */
  readonly modifiedAt: number;
  /** Whether the file is in `sm` still, since it could not be moved. */
  readonly isUnmoved?: true;
}

/** Notify list on disk (directory `sm.bak`), as sm-notify uses it. */
export interface NotifyStore {
  /**
   * Moves every record of `sm` to `sm.bak`, durably, and returns the number of files moved. Records
   * in an existing file of that name are kept. A file that cannot be moved stays, is reported, and
   * counts in `faults`. Call it as the directories' owner, since it may create files in `sm.bak`.
   */
  retire(): number;
  /**
   * Loads every readable record of `sm.bak`, and of files left in `sm` by retire() here, or by
   * another process before `unmovedSince` (in ms since 1970). Unreadable files are reported.
   */
  load(unmovedSince?: number): NotifyRecord[];
  /**
   * Number of files that retire() and load() could not read, move or sync. Only 0 means that the
   * records are complete.
   */
  readonly faults: number;
  /**
   * Removes the record of a peer that was told, durably; its file goes with the last record. Await
   * it before the process ends.
   *
   * @throws {StoreError} (as a rejection) When the peer may be told again after the next start.
   */
  remove(record: NotifyRecord): Promise<void>;
  /** Whether the record's file still exists: an operator may have removed it. True if in doubt. */
  has(record: NotifyRecord): boolean;
  /** Number in the file `state`, made odd; written only if the file has none. */
  stateNumber(): number;
  /** Advances the number in the file `state` to the next odd one, durably, and returns it. */
  advanceStateNumber(): number;
}

/** Knowledge about a peer, used to find and to recognise it; losing it costs time only. */
export interface PeerFacts {
  /** Numeric addresses, the one that worked last first. */
  readonly addresses: readonly string[];
  readonly canonicalName?: string;
  /** State in the last SM_NOTIFY believed. */
  readonly lastState?: number;
  /** Arrival of that notice, in ms since 1970. */
  readonly heardAt?: number;
  /** Ordinals of that notice or a later declaration, and of the peer's last own answer believed. */
  readonly lastNotice?: number;
  readonly lastAnswer?: number;
  /**
   * State that all requesters have been told, or whose callbacks were given up. If `lastState` is
   * owed: the state that is owed before it, or null, and states that requesters may have been told.
   */
  readonly passedOn?: number | readonly [first: number | null, ...tried: number[]];
  /** Transport and port of the peer's NSM when it was told last. */
  readonly transport?: "udp" | "tcp";
  readonly port?: number;
  /** Time of the last announcement of our reboot to the peer, in ms since 1970. */
  readonly toldAt?: number;
}

/** Peer memory: a dot-file beside the records, for data that nfs-utils' format has no room for. */
export interface PeerMemory {
  /** Facts by mon_name in lower case. */
  load(): Map<string, PeerFacts>;
  /** load() in small steps, returning the result at the end. */
  loadInSteps(): Generator<void, Map<string, PeerFacts>>;
  /**
   * Merges facts into earlier ones, written asynchronously; failures are only reported. `reached`:
   * addresses that go ahead of the known ones, which another process may have learned meanwhile.
   */
  note(monName: string, facts: Partial<PeerFacts>, reached?: readonly string[]): void;
  forget(monName: string): void;
  /** Writes pending facts now; at a stop (`isLast`) also if the disk has just refused some. */
  flush(isLast?: boolean): void;
}

/** SM_NOTIFY that was answered before it could be judged. */
export interface KeptNotice {
  readonly name: string;
  readonly state: number;
  /** Source address. */
  readonly address: string;
  /** Arrival, in ms since 1970. */
  readonly at: number;
  /** Ordinal (from 1) in the sequence of notices, declarations and registrations. */
  readonly ordinal: number;
  /** Whether a peer was to confirm the state itself, as it has to in later runs too. */
  readonly isDoubted?: boolean;
}

/** Kept notices of earlier runs. */
export interface NoticesRead {
  /** False if they could not be read: their ordinals are unknown. */
  readonly isWhole: boolean;
  readonly notices: readonly KeptNotice[];
  /** Ordinal up to which notices do not concern a registration, by registration key. */
  readonly overtaken: ReadonlyMap<string, number>;
}

/** Storage of kept notices. Failures are reported, not thrown. */
export interface NoticeMemory {
  load(): NoticesRead;
  /** Keeps a notice; it survives the process's death after {@link flush}, or after the next microtask. */
  keep(notice: KeptNotice): void;
  /** Marks a kept notice as doubted: at once, or with the next flush that the disk takes. */
  doubt(notice: KeptNotice): void;
  forget(notice: KeptNotice): void;
  /** Writes the notices kept and forgotten; false on failure, when no kept one is on disk. */
  flush(): boolean;
  /** Leaves nothing on disk if no notice is kept. */
  tidy(): void;
  /** Records that a registration is younger than the notices up to an ordinal; written like a doubt. */
  overtake(registration: string, ordinal: number): void;
}

/** Observer of the peer directory. */
export interface DirectoryWatcher {
  /** Whether a notice waits, so that look-ups must not be postponed in favour of calls. */
  isUrgent(): boolean;
  /** The look-up of a peer (by key) has succeeded. */
  learned(peer: string): void;
  /** All peers have been looked up. */
  completed(): void;
}

/** Client for one attempt of a remote call. */
export interface CallPeer {
  /**
   * @throws {RpcError} (as a rejection) No reply in time, or a status other than SUCCESS.
   * @throws {TransportError} (as a rejection) The call could not be sent.
   */
  call<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    to: Endpoint,
    transport: "udp" | "tcp",
    timeoutMs: number,
  ): Promise<Result<P[K]>>;
}

/**
 * Callout: the administrator's program for high availability (rpc.statd(8), ha-callout). Each
 * promise settles when the program has exited, with any status; none rejects.
 */
export interface Callout {
  /** Runs `add-client mon_name my_name`: the peer is monitored and on disk. */
  monitored(monName: string, myName: string): Promise<void>;
  /** Runs `del-client mon_name my_name`: the peer is about to be removed from disk. */
  unmonitored(monName: string, myName: string): Promise<void>;
  /**
   * Runs `sm-notify mon_name address state`: a notice has arrived. Undefined when the program
   * cannot be started now, or is running for this notice already: the sender should repeat it.
   */
  notified(monName: string, address: string, state: number): Promise<void> | undefined;
  /** Whether the queue of programs is full. */
  readonly isFull: boolean;
  /** Why the callout does not work; undefined while it does. */
  readonly fault?: string | undefined;
}
