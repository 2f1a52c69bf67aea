/** What the directory of peers works with, and how fast it learns: with regard for callers and notices. */

import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import type { Clock } from "../time/clock.ts";
import type { PeerMemory, Resolver } from "./ports.ts";

/** Look-ups for new peers at one time; the resolver's other slots stay free for notices. */
export const LEARNING_AT_ONCE = 4;
/**
 * Pause before the first look-up for new peers, in ms. A lock manager that registers a peer has more to
 * ask for, and many a peer is monitored for the moment of one lock: nobody has to know it. Whatever it
 * sends meanwhile is matched by asking the name service then.
 */
export const LEARNING_DELAY_MS = 250;
/**
 * Pause before each further look-up, in ms. After a start with thousands of peers the look-ups, which
 * take threads, leave the processors to the calls: at full speed they made SM_MON with 50,000 peers
 * take 20 ms, for half a minute.
 */
export const LEARNING_PAUSE_MS = 1;
/** First pause before names without an answer are asked again, in ms; it doubles each time. */
export const RELEARN_MIN_MS = 30_000;
/** The pause while a notice waits for it, in ms. */
export const URGENT_RELEARN_MS = 5_000;
/** Time in which names without an answer are asked again once for all notices, in ms: the resolver's. */
export const HURRY_MS = 2_000;
/** Longest pause, in ms: an hour is the common time to live of a DNS record. */
export const RELEARN_MAX_MS = 3_600_000;

/** What the directory works with. */
export interface DirectoryParts {
  readonly resolver: Resolver;
  /** Whether all peers on disk are on the list; absent where they are. */
  readonly isListWhole?: () => boolean;
  readonly memory: PeerMemory;
  readonly clock: Clock;
  readonly log: Log;
  /** Says within limits what may be so of thousands of peers at once, when the name service is away. */
  readonly tell: LimitedLog;
}
