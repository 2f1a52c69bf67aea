/**
 * Kept notices: answered before all look-ups that they depend on were done. A kept notice is judged
 * again for each peer whose addresses are learned, and ends when nothing more can be learned. It is
 * on disk before its reply leaves, since its sender will not repeat it.
 *
 * Number and age are bounded. Eviction takes the oldest notice that matched nobody though its own
 * name and address are known, then the oldest that was announced. If neither exists, the new notice
 * is not kept, and not answered.
 *
 * Arrival order survives restarts and clock changes: each notice has an ordinal, the peer memory
 * has the ordinal of each peer's last news, and registrations made while notices are kept are
 * recorded with theirs.
 */

import type { StatChge } from "../protocol/nsm.ts";
import type { Caller } from "../rpc/transport.ts";
import { quote } from "../quote.ts";
import { nameKey } from "./host_name.ts";
import type { Monitored } from "./monitor_list.ts";
import { registrationKey } from "./registration_key.ts";
import { COPY_MS } from "./notice_gate.ts";
import type { KeptNotice, NoticeMemory, NoticesRead } from "./ports.ts";
import { STATES_MAX } from "./replaced_states.ts";

/** Limit of kept notices. Each takes some hundred bytes, in memory and on disk. */
export const KEPT_MAX = 1024;
/**
 * Age at which a notice is given up, in ms. A name service is back within an hour of a power
 * failure. The older a notice, the likelier the peer has taken new locks since.
 */
export const KEPT_MS = 3_600_000;

/** Interval between reviews of kept notices, in ms: about the C library's timeout for a name server. */
export const REVIEW_MS = 5_000;
/** Limit of kept notices whose own names are looked up at once; other look-ups need the resolver too. */
export const REVIEWED_AT_ONCE = 4;

const NONE: NoticesRead = { isWhole: true, notices: [], overtaken: new Map() };
/** Null object: keeps nothing over restarts. */
const NO_MEMORY: NoticeMemory = {
  load: () => NONE,
  keep: () => {},
  doubt: () => {},
  flush: () => true,
  tidy: () => {},
  forget: () => {},
  overtake: () => {},
};

/** A notice in processing; later notices have higher ordinals. */
export interface Heard extends StatChge {
  readonly caller: Pick<Caller, "address">;
  /** Ordinal of the notice, or of the question if the peer says another state than its notice. */
  readonly ordinal: number;
  /** Arrival, in ms since 1970. */
  readonly at: number;
  /** Ordinal of the question that the peer has answered by the state; absent if it was not asked. */
  readonly asked?: number;
  /** Ordinal of the answer. */
  readonly answered?: number;
  /** An earlier run doubted it under `enforce`: the peer itself decides, whatever the mode is now. */
  readonly isDoubted?: boolean | undefined;
  /** The callout was run for this notice. */
  readonly wasCalledOut?: boolean;
}

/** A notice that may still concern peers not known yet. */
export interface Kept {
  readonly heard: Heard;
  readonly record: KeptNotice;
  /** Time of keeping, on the monotonic clock; the wall clock may be corrected by years. */
  readonly keptAt: number;
  /** Announced when it or a repeat of it arrived, and no peer has to confirm its state. */
  isPassedOn: boolean;
  /** Keys of peers for which the notice, or its last repeat, is decided. */
  decided: Set<string>;
  /** Keys of peers to be asked for their state before the notice is decided. */
  unconfirmed: Set<string>;
  /** Keys of all names and addresses for which the notice may stand. */
  aliases: ReadonlySet<string>;
  /** Number of tasks in progress for the notice: look-ups, judging in slices. */
  working: number;
  /** Settles when the callout for the notice has ended; absent before it is started. */
  calledOut?: Promise<void>;
  /** Whether the name service has answered for all of the notice's own names and addresses. */
  isLookedUp: boolean;
}

export class KeptNotices {
  readonly #memory: NoticeMemory;
  #remembered: NoticesRead;
  readonly #kept = new Set<Kept>();
  readonly #byAlias = new Map<string, Set<Kept>>();

  constructor(memory: NoticeMemory = NO_MEMORY) {
    this.#memory = memory;
    this.#remembered = memory.load();
  }

  get size(): number {
    return this.#kept.size;
  }

  /** All kept notices, oldest first; may be removed during iteration. */
  all(): Iterable<Kept> {
    return this.#kept;
  }

  /** Kept notices that may stand for one of these names and addresses, in the order of arrival. */
  of(aliases: Iterable<string>): Kept[] {
    const found = new Set<Kept>();
    for (const alias of aliases) for (const kept of this.#byAlias.get(alias) ?? []) found.add(kept);
    return [...found].sort((a, b) => a.heard.ordinal - b.heard.ordinal);
  }

  /** Takes the notices kept by earlier runs of the daemon; empty when called again. */
  takeRemembered(): NoticesRead {
    const remembered = this.#remembered;
    this.#remembered = NONE;
    return remembered;
  }

  /**
   * Keeps a notice durably; undefined if impossible. A notice that was announced is on disk after
   * {@link flush}; when the disk refuses it is kept in memory alone, so that its sender need not wait
   * for the disk.
   *
   * Registrations that are `younger` than the notice are noted first, so that a crash in between
   * leaves no notice that concerns them.
   *
   * The notice replaces announced ones with its name and address and no higher state, since a lock
   * manager told of a later state need not hear of an earlier one. So a peer that reboots again and
   * again, or a stranger in its name, takes little room from other peers.
   *
   * The latest with {@link STATES_MAX} lower states stay: each notice behind them may be a copy to a
   * registration that has heard of its state before, and is not passed on there.
   *
   * A repeat of a kept notice leaves that one in its place, with its age, and has it decided anew: to
   * registrations made between them the repeat is no news either.
   */
  add(
    heard: Heard,
    decided: Set<string>,
    unconfirmed: Set<string>,
    now: number,
    younger: readonly Pick<Monitored, "record" | "behind">[] = [],
  ): Kept | undefined {
    // A state that is implausible now was not the last one: another came between them.
    const first = unconfirmed.size === 0 ? this.#repeatedBy(heard, now) : undefined;
    if (first !== undefined) {
      this.#memory.forget(recordOf(heard)); // an earlier run may have kept both
      const isPassedOn = first.isPassedOn || decided.size > 0;
      return Object.assign(first, { isPassedOn, decided, unconfirmed });
    }
    const superseded = this.#supersededBy(heard);
    const size = this.#kept.size - superseded.length;
    if (size >= KEPT_MAX && !this.#dropOldest()) return undefined;
    const record = recordOf(heard);
    const wasBelieved = decided.size > unconfirmed.size;
    this.#memory.keep(record);
    if (unconfirmed.size > 0) this.#memory.doubt(record);
    for (const monitored of younger) this.overtake(monitored); // written before the notice is
    if (!wasBelieved && !this.#memory.flush()) return undefined;
    const kept: Kept = {
      heard,
      record,
      keptAt: now,
      isPassedOn: wasBelieved && unconfirmed.size === 0,
      decided,
      unconfirmed,
      aliases: new Set(),
      working: 0,
      isLookedUp: false,
    };
    this.#kept.add(kept);
    for (const earlier of superseded) this.remove(earlier);
    this.learn(kept, [record.name, record.address]);
    return kept;
  }

  has(kept: Kept): boolean {
    return this.#kept.has(kept);
  }

  /** Notes durably that a peer has to confirm the state of a notice itself. */
  doubt({ record }: Kept): void {
    this.#memory.doubt(record);
  }

  /** Sets the names and addresses for which a notice may stand. */
  learn(kept: Kept, aliases: Iterable<string>): void {
    this.#unlist(kept);
    kept.aliases = new Set([...aliases].map(nameKey));
    for (const alias of kept.aliases) {
      const others = this.#byAlias.get(alias);
      if (others === undefined) this.#byAlias.set(alias, new Set([kept]));
      else others.add(kept);
    }
  }

  /**
   * Opens all notices again for a peer: what is decided holds for the registrations of its time, and
   * what the directory knew of the peer then may be forgotten.
   */
  reopen(peer: string): void {
    for (const kept of this.#kept) kept.decided.delete(peer);
  }

  /** Removes a notice that has ended. */
  remove(kept: Kept): void {
    if (!this.#kept.delete(kept)) return;
    this.#unlist(kept);
    this.#memory.forget(kept.record);
  }

  /** Writes the notices kept and forgotten since the last flush. */
  flush(): void {
    this.#memory.flush();
  }

  /** Writes what the disk has refused so far, and leaves nothing on disk if no notice is kept. */
  tidy(): void {
    this.#memory.flush();
    this.#memory.tidy();
  }

  /** Removes a notice of an earlier run from the disk. */
  drop(heard: Heard): void {
    this.#memory.forget(recordOf(heard));
    this.#memory.tidy();
  }

  /** Records durably that a registration is younger than all kept notices. */
  overtake({ record, behind }: Pick<Monitored, "record" | "behind">): void {
    this.#memory.overtake(registrationKey(record), behind);
  }

  /** Kept notices with the name and address of a notice. */
  #ofSender({ mon_name, caller: { address } }: Heard): Kept[] {
    const key = nameKey(mon_name);
    return [...this.#byAlias.get(key) ?? []].filter(({ heard }) =>
      heard.caller.address === address && nameKey(heard.mon_name) === key
    );
  }

  /**
   * Earlier kept notice that a notice repeats. Behind another state, the notice is a new one, unless
   * it comes so soon that it may be a copy.
   */
  #repeatedBy(heard: Heard, now: number): Kept | undefined {
    const { state, ordinal } = heard;
    const known = this.#ofSender(heard);
    const isNews = (first: Heard) =>
      known.some(({ heard: other, keptAt }) =>
        other.state !== state && other.ordinal > first.ordinal && now - keptAt >= COPY_MS
      );
    return known.find(({ heard: first }) =>
      first.state === state && first.ordinal < ordinal && !isNews(first)
    );
  }

  #supersededBy(heard: Heard): Kept[] {
    const { state } = heard;
    const announced = this.#ofSender(heard).filter(({ isPassedOn }) => isPassedOn);
    const lower = announced.filter(({ heard }) => heard.state < state)
      .sort((a, b) => b.heard.ordinal - a.heard.ordinal);
    return [...announced.filter(({ heard }) => heard.state === state), ...lower.slice(STATES_MAX)];
  }

  #dropOldest(): boolean {
    let oldest: Kept | undefined;
    for (const kept of this.#kept) {
      if (!kept.isLookedUp) continue;
      oldest ??= kept;
      if (kept.decided.size > 0) continue;
      oldest = kept;
      break;
    }
    if (oldest !== undefined) this.remove(oldest);
    return oldest !== undefined;
  }

  #unlist(kept: Kept): void {
    for (const alias of kept.aliases) {
      const others = this.#byAlias.get(alias);
      if (others?.delete(kept) && others.size === 0) this.#byAlias.delete(alias);
    }
  }
}

function recordOf({ mon_name, state, at, ordinal, caller: { address } }: Heard): KeptNotice {
  return { name: mon_name, state, address, at, ordinal };
}

/** Describes a notice for the log. */
export function what(
  { mon_name, state, caller }: StatChge & { caller: Pick<Caller, "address"> },
): string {
  return `SM_NOTIFY of ${quote(mon_name)} state ${state} from ${caller.address}`;
}
