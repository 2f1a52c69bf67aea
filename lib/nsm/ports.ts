/**
 * What the daemon's decisions need from the world: clock, names, the state directory, and a way to
 * call a peer. store/, net/ and platform/ implement these interfaces; tests hand in fakes.
 */

import { quote } from "../quote.ts";
import type { Args, Procedures, Program, Result } from "../rpc/program.ts";
import type { Endpoint } from "../rpc/transport.ts";

/** A name look-up has three outcomes, never two. */
export type Lookup<T> =
  | { readonly outcome: "found"; readonly value: T }
  /** No answer, or the server failed: it may be found later. */
  | { readonly outcome: "tryLater"; readonly reason: string }
  /** An answer: there is no such name, or no such record. */
  | { readonly outcome: "notFound"; readonly reason: string };

/** What a name stands for. */
export interface HostAddresses {
  /** The official name, which may be the name asked for. */
  readonly canonicalName: string;
  /** Numeric addresses in the order given, both families, no duplicates. */
  readonly addresses: readonly string[];
}

/** The host name service of this machine: hosts file and DNS, as its administrator set them. */
export interface Resolver {
  /** Addresses of a name. A numeric address is its own. */
  addressesOf(name: string): Promise<Lookup<HostAddresses>>;
  /** Official name of an address. */
  nameOf(address: string): Promise<Lookup<string>>;
}

/** Who asked to be told about a peer, and how; the fields of SM_MON as they came. */
export interface MonitorRecord {
  /** mon_name exactly as given. */
  readonly monName: string;
  /** my_name with each blank, TAB, CR and LF replaced by `_`. */
  readonly myName: string;
  readonly myProg: number;
  readonly myVers: number;
  readonly myProc: number;
  /** 16 opaque bytes as 32 lower-case hex digits, which take a quarter of the memory of an array. */
  readonly priv: string;
}

/** The state directory could not be read or written. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";

  constructor(readonly operation: string, readonly path: string, cause: unknown) {
    super(`Cannot ${operation} ${quote(path)}: ${reasonOf(cause)}`, { cause });
  }
}

/** A record that no file may hold, by its name or its text: the disk has nothing to do with it. */
export class UnstorableRecordError extends StoreError {
  override readonly name = "UnstorableRecordError";
}

/** What went wrong, without the name of the system call and the path that Deno puts behind it. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /^.*? \(os error \d+\)/s.exec(message)?.[0] ?? message;
}

/** The monitor list on disk (directory `sm`) and the state number, as statd uses them. */
export interface MonitorStore {
  /**
   * Every readable record; a file is read when its first is asked for, and nothing may be changed before
   * the last. What is not readable stays where it is and is reported.
   *
   * @throws {StoreError} When the first one is asked for and the directory cannot be read.
   */
  load(): Iterable<MonitorRecord>;
  /** Files of which load() could not tell what they hold, in number; some may be readable later. */
  readonly unread: number;
  /** Tries these files again: a step for each, with the records of one that can be read now. */
  loadUnread(): Iterable<readonly MonitorRecord[]>;
  /**
   * Other names than its mon_name under which load() has found records of a peer: nfs-utils files a peer
   * under its official name.
   */
  otherNames(monName: string): readonly string[];
  /**
   * Makes a record durable, in place of `replaced` where one is given (a record with the same
   * identity, whose priv or spelling differs). A crash leaves the old or the new one.
   *
   * Calls of one turn of the event loop share the way to the disk, here and in remove(); they take
   * effect in their order.
   *
   * @throws {StoreError} (as a rejection) When it may not be on disk; there is the old or the new one.
   */
  put(record: MonitorRecord, replaced?: MonitorRecord): Promise<void>;
  /**
   * Removes records; those that are not there are passed over. What was removed does not come back when
   * the process is killed; a power cut within the next second may bring it back, so that its peer is
   * told of that reboot.
   *
   * @throws {StoreError} (as a rejection) When some of them may still be there.
   */
  remove(records: readonly MonitorRecord[]): Promise<void>;
  /**
   * The number in the file `state` now, made odd; another process may have advanced it.
   *
   * @throws {StoreError} When the file cannot be read or, where it is missing, written.
   */
  stateNumber(): number;
  /**
   * Tries whether a new record could be made durable now.
   *
   * @throws {StoreError} When it could not.
   */
  check(): void;
  /**
   * Makes durable what was removed, and removes what is kept for speed alone: nobody is monitored, and
   * whoever looks sees that.
   */
  tidy(): void;
}

/** One line of a file in `sm.bak`: a peer to be told, and the name under which it knows us. */
export interface NotifyRecord {
  /** The name of its file: the peer's name for look-ups. */
  readonly fileName: string;
  readonly monName: string;
  readonly myName: string;
  /** Modification time of the file, milliseconds since 1970: newer ones are told first. */
  readonly modifiedAt: number;
}

/** The notify list on disk (directory `sm.bak`), as sm-notify uses it. */
export interface NotifyStore {
  /**
   * Moves every record of `sm` to `sm.bak`, durably. A file of the same name there loses none of its
   * records. What cannot be moved stays, is reported, and counts in `faults`. To be called as the user to
   * whom the directories belong, since a file in `sm.bak` may be made anew. Returns the files moved, in
   * number.
   */
  retire(): number;
  /**
   * Every readable record of `sm.bak`, and of what was left in `sm` by retire() here, or in another
   * process before `unmovedSince`, in milliseconds since 1970. What is not readable is reported.
   */
  load(unmovedSince?: number): NotifyRecord[];
  /**
   * What retire() and load() could not read, move or make lasting, in number. Only 0 means that the
   * records are all there are.
   */
  readonly faults: number;
  /**
   * Removes a peer that was told, durably; the file goes with its last record. Before the process ends
   * this has to be waited for.
   *
   * @throws {StoreError} (as a rejection) When the peer may be told again after the next start.
   */
  remove(record: NotifyRecord): Promise<void>;
  /**
   * Whether the record's file is still there: an operator may have taken it away. Where that cannot be
   * told it is.
   */
  has(record: NotifyRecord): boolean;
  /** The number in the file `state`, made odd; written only where the file has none. */
  stateNumber(): number;
  /** Advances the number in the file `state` to the next odd one, durably, and returns it. */
  advanceStateNumber(): number;
}

/** What was learned of a peer. It helps to find it and to know it again; losing it costs time only. */
export interface PeerFacts {
  /** Numeric addresses, the one that worked last first. */
  readonly addresses: readonly string[];
  readonly canonicalName?: string;
  /** The state in the last SM_NOTIFY that was taken from it. */
  readonly lastState?: number;
  /** When that came, milliseconds since 1970. */
  readonly heardAt?: number;
  /** Ordinal of that notice, or of a declaration by an administrator that is younger. */
  readonly lastNotice?: number;
  /** The state that everybody who asked has been told, or was tried to be told for long enough. */
  readonly passedOn?: number;
  /** Transport over which it was told last, and its NSM's port then. */
  readonly transport?: "udp" | "tcp";
  readonly port?: number;
  /** When it was told of our reboot last, milliseconds since 1970. */
  readonly toldAt?: number;
}

/** A dot-file beside the records for what nfs-utils' format has no room for. */
export interface PeerMemory {
  /** What is remembered, by mon_name in lower case. */
  load(): Map<string, PeerFacts>;
  /** The same in small steps, with the result at the end. */
  loadInSteps(): Generator<void, Map<string, PeerFacts>>;
  /** Remembers facts beside earlier ones; nobody waits for the disk. Failures are reported only. */
  note(monName: string, facts: Partial<PeerFacts>): void;
  /** Forgets a peer. */
  forget(monName: string): void;
  /** Writes now what is otherwise written in a moment: a process that is killed after it has lost nothing. */
  flush(): void;
}

/** An SM_NOTIFY that was answered before it could be judged. */
export interface KeptNotice {
  readonly name: string;
  readonly state: number;
  /** The address that it came from. */
  readonly address: string;
  /** When it came, in ms since 1970. */
  readonly at: number;
  /** Its place in the order in which notices, declarations and registrations came, from 1 on. */
  readonly ordinal: number;
}

/** What earlier lives have kept. */
export interface NoticesRead {
  readonly notices: readonly KeptNotice[];
  /** By registration, the ordinal up to which notices do not concern it. */
  readonly overtaken: ReadonlyMap<string, number>;
}

/** Keeps such notices over restarts. Failures are reported, and nobody has to catch them. */
export interface NoticeMemory {
  load(): NoticesRead;
  /** Keeps one, so that a process that is killed afterwards has not lost it; false if it cannot. */
  keep(notice: KeptNotice): boolean;
  forget(notice: KeptNotice): void;
  /** Notes that notices up to an ordinal do not concern a registration: it was made behind them. */
  overtake(registration: string, ordinal: number): void;
}

/** Who waits for what is learned. */
export interface DirectoryWatcher {
  /** Whether somebody waits, so that look-ups must not be put off for the sake of calls. */
  isUrgent(): boolean;
  /** The name service has told what a peer's names and addresses are, by key. */
  learned(peer: string): void;
  /** All peers have been looked up. */
  completed(): void;
}

/** One attempt of a remote call. */
export interface CallPeer {
  /**
   * @throws {RpcError} (as a rejection) No reply in time, or another one than SUCCESS.
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
 * The administrator's program for high availability (rpc.statd(8), ha-callout). Each function settles
 * when the program has ended, whatever its status; none rejects.
 */
export interface Callout {
  /** `add-client mon_name my_name`: a peer is monitored and on disk. */
  monitored(monName: string, myName: string): Promise<void>;
  /** `del-client mon_name my_name`: a peer is about to be unmonitored on disk. */
  unmonitored(monName: string, myName: string): Promise<void>;
  /**
   * `sm-notify mon_name address state`: a notice has arrived. Nothing when it cannot be run now, or is
   * being run for the same notice: the sender should repeat it.
   */
  notified(monName: string, address: string, state: number): Promise<void> | undefined;
  /** Whether no more programs may be put in line now. */
  readonly isFull: boolean;
  /** Why it does not do what it should; undefined while it does. */
  readonly fault?: string | undefined;
}
