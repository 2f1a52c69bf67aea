/**
 * Kept notices: those that were answered before everything was looked up that they could concern. Each
 * is judged again with every peer whose addresses are learned, and is over when there is nothing more to
 * be learned. They are on disk before their answer leaves, since their senders will not repeat them.
 *
 * Their number and age are bounded. The oldest that matched nobody, though its own name and address are
 * known, goes first, then the oldest of those that somebody was told of; where there is none either the
 * new one is not kept, and so not answered.
 *
 * The order of arrival outlives the daemon, whatever the clock does meanwhile: each notice has an ordinal,
 * the peer memory has that of the last news of each peer, and registrations that are made while notices
 * are kept are noted beside these.
 */

import type { StatChge } from "../protocol/nsm.ts";
import type { Caller } from "../rpc/transport.ts";
import { quote } from "../quote.ts";
import { nameKey } from "./host_name.ts";
import { type Monitored, registrationKey } from "./monitor_list.ts";
import type { KeptNotice, NoticeMemory, NoticesRead } from "./ports.ts";

/** Kept notices at most, in number: each has some hundred bytes, here and on disk. */
export const KEPT_MAX = 1024;
/**
 * Age at which a notice is given up, in ms. A name service comes back within an hour of a power failure;
 * the older a notice, the more likely the peer has locks that it took after it.
 */
export const KEPT_MS = 3_600_000;

/** Pause between reviews of what is kept, in ms: the C library gives a name server about as long. */
export const REVIEW_MS = 5_000;
/** Kept notices whose own names are asked for again at one time: others need the name service too. */
export const REVIEWED_AT_ONCE = 4;

/** Keeps nothing over restarts. */
const NO_MEMORY: NoticeMemory = {
  load: () => ({ notices: [], overtaken: new Map() }),
  keep: () => true,
  forget: () => {},
  overtake: () => {},
};

/** A notice on its way through; later ones have higher ordinals. */
export interface Heard extends StatChge {
  readonly caller: Pick<Caller, "address">;
  readonly ordinal: number;
  /** When it came, in ms since 1970. */
  readonly at: number;
  /** Whether the peer was asked, and this is what it says its state is. */
  readonly isStated?: true;
  /** Whether the administrator's program was told of it. */
  readonly wasCalledOut?: boolean;
}

/** A notice that is not over. */
export interface Kept {
  readonly heard: Heard;
  readonly record: KeptNotice;
  /** When this process kept it, on the clock that only goes forward; the wall clock may be set right by years. */
  readonly keptAt: number;
  /** Somebody was told of it when it came, and nobody is asked whether it is true. */
  readonly isPassedOn: boolean;
  /** Peers, by key, for which it has been judged for good. */
  readonly decided: Set<string>;
  /** Peers, by key, of which that is not the end, as they are to be asked which state they have. */
  readonly unconfirmed: Set<string>;
  /** Every name and address for which it may stand, by key. */
  aliases: ReadonlySet<string>;
  /** How many things are under way for it: look-ups, and judging in slices. */
  working: number;
  /** Settles when the administrator's program has ended that was told of it; nothing before it is. */
  calledOut?: Promise<void>;
  /** Whether the name service has said all of these names and addresses. */
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

  /** All of them, oldest first; removing meanwhile is allowed. */
  all(): Iterable<Kept> {
    return this.#kept;
  }

  /** Those that may stand for one of these names and addresses. */
  of(aliases: Iterable<string>): Set<Kept> {
    const found = new Set<Kept>();
    for (const alias of aliases) for (const kept of this.#byAlias.get(alias) ?? []) found.add(kept);
    return found;
  }

  /** What earlier lives of the daemon have kept, once. */
  takeRemembered(): NoticesRead {
    const remembered = this.#remembered;
    this.#remembered = { notices: [], overtaken: new Map() };
    return remembered;
  }

  /**
   * Keeps a notice, durably; undefined where that is not possible. One that was passed on is kept in
   * memory alone where the disk refuses it: its sender need not wait until the disk is well.
   *
   * It takes the place of earlier ones with its name and address that were passed on and have no higher
   * state: a lock manager that is told of a later state need not be told of an earlier one. So a peer that
   * reboots again and again, or a stranger in its name, takes no room from other peers.
   */
  add(
    heard: Heard,
    decided: Set<string>,
    unconfirmed: Set<string>,
    now: number,
  ): Kept | undefined {
    const superseded = this.#supersededBy(heard);
    const size = this.#kept.size - superseded.length;
    if (size >= KEPT_MAX && !this.#dropOldest()) return undefined;
    const record = recordOf(heard);
    const wasBelieved = decided.size > unconfirmed.size;
    if (!this.#memory.keep(record) && !wasBelieved) return undefined;
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

  /** Forgets a notice that is over. */
  remove(kept: Kept): void {
    if (!this.#kept.delete(kept)) return;
    this.#unlist(kept);
    this.#memory.forget(kept.record);
  }

  /** Forgets one of an earlier life that is over. */
  drop(heard: Heard): void {
    this.#memory.forget(recordOf(heard));
  }

  /** Notes that what is kept came before a registration, for lives to come. */
  overtake({ record, lastNotice }: Pick<Monitored, "record" | "lastNotice">): void {
    this.#memory.overtake(registrationKey(record), lastNotice);
  }

  #supersededBy({ mon_name, state, caller: { address } }: Heard): Kept[] {
    const key = nameKey(mon_name);
    return [...this.#byAlias.get(key) ?? []].filter(({ heard, isPassedOn }) =>
      isPassedOn && heard.state <= state && heard.caller.address === address &&
      nameKey(heard.mon_name) === key
    );
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

/** A notice in words for the log. */
export function what(
  { mon_name, state, caller }: StatChge & { caller: Pick<Caller, "address"> },
): string {
  return `SM_NOTIFY of ${quote(mon_name)} state ${state} from ${caller.address}`;
}
