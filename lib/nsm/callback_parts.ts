/** Dependencies and outcomes of callbacks. */

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
