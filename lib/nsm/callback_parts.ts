/** Dependencies and outcomes of callbacks, and the states that a lock manager may have been told. */

import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import type { FindLockManager } from "./lock_manager.ts";
import type { Monitored } from "./monitor_list.ts";
import type { CallPeer } from "./ports.ts";
import type { Clock } from "../time/clock.ts";

/** Dependencies of callbacks. */
export interface CallbackParts {
  readonly callPeer: CallPeer;
  /** Looks the lock manager up; rejects when rpcbind does not answer. */
  readonly findLockManager: FindLockManager;
  readonly clock: Clock;
  readonly log: Log;
  /** Rate-limited log, for lines that remote hosts can cause. */
  readonly tell: LimitedLog;
  /** Called with the outcome of each attempt. */
  readonly attempted?: (monitored: Monitored, outcome: CallbackOutcome, fault: string) => void;
}

/** Outcome of an attempt: `failed` is retried, the other outcomes end the callback. */
export type CallbackOutcome = "done" | "failed" | "given up";

/** Limit of states remembered as tried, in number. Peers seldom boot twice while a lock manager is away. */
const TRIED_MAX = 8;

/** Adds a state to those tried; the oldest one of too many goes. */
export function withState(tried: readonly number[], state: number): readonly number[] {
  return tried.includes(state) ? tried : [...tried, state].slice(-TRIED_MAX);
}
