/**
 * Kept notices: those that were answered before everything was looked up that they could concern. Each
 * is judged again with every peer whose addresses are learned, and is over when there is nothing more to
 * be learned. They are on disk before their answer leaves, since their senders will not repeat them.
 *
 * Their number and age are bounded. The oldest that matched nobody, though its own name and address are
 * known, goes first; where there is none the new one is not kept, and so not answered.
 */

import type { StatChge } from "../protocol/nsm.ts";
import type { Caller } from "../rpc/transport.ts";
import { quote } from "../quote.ts";
import { nameKey } from "./host_name.ts";
import type { Monitored } from "./monitor_list.ts";
import type { KeptNotice, NoticeMemory } from "./ports.ts";

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
const NO_MEMORY: NoticeMemory = { load: () => [], keep: () => true, forget: () => {} };

/** A notice on its way through; later ones have higher ordinals. */
export interface Heard extends StatChge {
  readonly caller: Pick<Caller, "address">;
  readonly ordinal: number;
  /** When it came, in ms since 1970. */
  readonly at: number;
  /** Whether an earlier life of the daemon has answered it, and may have passed it on. */
  readonly isRestored?: true;
  /** Whether the administrator's program was told of it. */
  wasCalledOut?: boolean;
}

/** A notice that is not over. */
export interface Kept {
  readonly heard: Heard;
  readonly record: KeptNotice;
  /** Peers, by key, for which it has been judged for good. */
  readonly decided: Set<string>;
  /** Every name and address for which it may stand, by key. */
  aliases: ReadonlySet<string>;
  /** How many things are under way for it: look-ups, and judging in slices. */
  working: number;
  /** Whether the name service has said all of these names and addresses. */
  isLookedUp: boolean;
}

export class KeptNotices {
  readonly #memory: NoticeMemory;
  readonly #remembered: KeptNotice[];
  readonly #kept = new Set<Kept>();
  readonly #byAlias = new Map<string, Set<Kept>>();

  constructor(memory: NoticeMemory = NO_MEMORY) {
    this.#memory = memory;
    this.#remembered = [...memory.load()];
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
  takeRemembered(): readonly KeptNotice[] {
    return this.#remembered.splice(0);
  }

  /**
   * Keeps a notice, durably; undefined where that is not possible. One that was judged for some peers is kept
   * in memory alone where the disk refuses it: its sender need not wait until the disk is well.
   */
  add(heard: Heard, decided: Set<string>): Kept | undefined {
    if (this.#kept.size >= KEPT_MAX && !this.#dropStranger()) return undefined;
    const { mon_name, state, at, caller: { address } } = heard;
    const record: KeptNotice = { name: mon_name, state, address, at };
    if (!this.#memory.keep(record) && decided.size === 0) return undefined;
    const kept: Kept = {
      heard,
      record,
      decided,
      aliases: new Set(),
      working: 0,
      isLookedUp: false,
    };
    this.#kept.add(kept);
    this.learn(kept, [mon_name, address]);
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

  #dropStranger(): boolean {
    for (const kept of this.#kept) {
      if (!kept.isLookedUp || kept.decided.size > 0) continue;
      this.remove(kept);
      return true;
    }
    return false;
  }

  #unlist(kept: Kept): void {
    for (const alias of kept.aliases) {
      const others = this.#byAlias.get(alias);
      if (others?.delete(kept) && others.size === 0) this.#byAlias.delete(alias);
    }
  }
}

/**
 * Whether an earlier life of the daemon has passed on this notice or a newer one. A time in the future says
 * nothing: the clock was wrong.
 */
export function wasPassedOn(
  { at, state }: Heard,
  { heardAt, lastState }: Pick<Monitored, "heardAt" | "lastState">,
  now: number,
): boolean {
  if (heardAt === undefined || heardAt > now) return false;
  return at < heardAt || at === heardAt && state <= lastState;
}

/** A notice in words for the log. */
export function what(
  { mon_name, state, caller }: StatChge & { caller: Pick<Caller, "address"> },
): string {
  return `SM_NOTIFY of ${quote(mon_name)} state ${state} from ${caller.address}`;
}
