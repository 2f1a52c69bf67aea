/** Dependencies and pace of the peer directory, which leaves priority to callers and notices. */

import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import type { Clock } from "../time/clock.ts";
import type { PeerMemory, Resolver } from "./ports.ts";

/** Pace of look-ups for new peers. */
export const LEARNING = {
  /** Limit of concurrent look-ups; the resolver's other slots stay free for notices. */
  atOnce: 4,
  /**
   * Delay before the first look-up, in ms. A lock manager sends registrations in bursts, and many
   * peers are monitored only for the moment of one lock. A notice that arrives earlier triggers the
   * look-up itself.
   */
  delayMs: 250,
  /**
   * Pause between look-ups, in ms. Look-ups use threads: at full speed after a start with 50,000
   * peers, an SM_MON took 20 ms for half a minute.
   */
  pauseMs: 1,
} as const;
/** First pause before unanswered names are retried, in ms; doubles each time. */
export const RELEARN_MIN_MS = 30_000;
/** Pause while a notice waits for the answer, in ms. */
export const URGENT_RELEARN_MS = 5_000;
/** Debounce of urgent retries, in ms: within it unanswered names are retried once for all notices. */
export const HURRY_MS = 2_000;
/** Longest pause, in ms: an hour is the common time to live of a DNS record. */
export const RELEARN_MAX_MS = 3_600_000;

/** Dependencies of the directory. */
export interface DirectoryParts {
  readonly resolver: Resolver;
  /** Whether all peers on disk have been loaded; absent means yes. */
  readonly isListWhole?: () => boolean;
  readonly memory: PeerMemory;
  readonly clock: Clock;
  readonly log: Log;
  /** Rate-limited log: thousands of peers fail at once when the name service is down. */
  readonly tell: LimitedLog;
}
