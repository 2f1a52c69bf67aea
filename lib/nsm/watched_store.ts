/**
 * A wrapper around a MonitorStore that tracks whether writes fail. The first refused call and the
 * first write that succeeds again are logged. Refused calls in between are logged as sums, since a
 * lock manager repeats its calls. While writes fail, the disk is probed each minute, on each health
 * query, and after each successful call, which may have needed no room on a full disk.
 */

import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import { reasonOf } from "../reason.ts";
import {
  type MonitorRecord,
  type MonitorStore,
  StoreError,
  UnstorableRecordError,
} from "./ports.ts";
import type { Clock } from "../time/clock.ts";

/** Interval of the sums in the log, and of the probes of a failing disk, in ms. */
const INTERVAL_MS = 60_000;
/**
 * Delay between the last SM_UNMON and the removal of spare files, in ms. A lock manager that lets go of one
 * host often monitors the next at once.
 */
const TIDY_AFTER_MS = 20;
/** Time after which an unfinished change counts as stalled, in ms: a removal takes up to one second. */
const STALLED_MS = 3_000;

/** Dependencies of the wrapper. */
export interface WatchedStoreParts {
  readonly clock: Pick<Clock, "now" | "startTimer">;
  readonly log: Log;
  /** Rate-limited log, for lines that callers can cause. */
  readonly tell: LimitedLog;
  /** Whether no peer is monitored now. */
  readonly isUnused: () => boolean;
}

export class WatchedStore implements MonitorStore {
  readonly #store: MonitorStore;
  readonly #parts: WatchedStoreParts;
  #fault: string | undefined;
  /** Whether the fault was logged, so that its end has to be logged too. */
  #isTold = false;
  /** Whether the one log line of this interval has been used. */
  #isSpent = false;
  /** Refused calls that were not logged, and the message of the last one. */
  #untold = 0;
  #lastUntold = "";
  /** Number of changes in progress; they settle in FIFO order. */
  #changes = 0;
  /** Changes begun since the start. */
  #begun = 0;
  /** Start of the oldest change, or the end of the one before it, on the monotonic clock. */
  #waitingSince = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelTidying: (() => void) | undefined;

  constructor(store: MonitorStore, parts: WatchedStoreParts) {
    this.#store = store;
    this.#parts = parts;
  }

  /** Why changes are refused or stalled; undefined if they succeed. */
  get fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    const ms = this.#parts.clock.now() - this.#waitingSince;
    if (this.#changes === 0 || ms < STALLED_MS) return undefined;
    return `The disk has not taken a change of the monitor list for ${Math.round(ms / 1000)} s`;
  }

  load(): Iterable<MonitorRecord> {
    return this.#store.load();
  }

  get unread(): number {
    return this.#store.unread;
  }

  isUnread(monName: string): boolean {
    return this.#store.isUnread(monName);
  }

  loadUnread(
    ...wanted: Parameters<MonitorStore["loadUnread"]>
  ): Iterable<readonly MonitorRecord[]> {
    return this.#store.loadUnread(...wanted);
  }

  otherNames(monName: string): readonly string[] {
    return this.#store.otherNames(monName);
  }

  dropped(monNames: Iterable<string>): void {
    this.#store.dropped(monNames);
  }

  put(record: MonitorRecord, replaced?: MonitorRecord): Promise<void> {
    return this.#watch(this.#store.put(record, replaced));
  }

  remove(...removal: Parameters<MonitorStore["remove"]>): Promise<void> {
    return this.#watch(this.#store.remove(...removal));
  }

  stateNumber(): number {
    return this.#store.stateNumber();
  }

  check(): void {
    try {
      this.#store.check();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
    this.#succeeded();
  }

  /** Probes the disk if it is failing. */
  recheck(): void {
    if (this.#fault === undefined) return;
    try {
      this.check();
    } catch {
      // noted by #failed()
    }
  }

  /** Logs a refused call, or counts it if the interval's line is used up. */
  refused(message: string, error: unknown): void {
    const { log, tell } = this.#parts;
    if (!isDiskFault(error)) {
      tell("warning", "calls that cannot be stored in a file", () => message);
    } else if (this.#isSpent) {
      this.#untold++;
      this.#lastUntold = message;
    } else {
      log.warning(message);
      this.#isSpent = true;
      this.#isTold = this.#fault !== undefined;
    }
  }

  /**
   * Tidies up after a delay without a change, if no peer is monitored then; at once behind the removal of
   * several hosts, whose lock manager ends. One timer serves many calls, since starting one is costly.
   */
  tidy(isAtOnce = false): void {
    if (isAtOnce) {
      this.#store.tidy();
      return;
    }
    const begun = this.#begun;
    this.#cancelTidying ??= this.#parts.clock.startTimer(TIDY_AFTER_MS, () => {
      this.#cancelTidying = undefined;
      if (!this.#parts.isUnused()) return;
      if (this.#begun === begun) this.#store.tidy();
      else this.tidy();
    });
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTidying?.();
    this.#store.tidy();
  }

  async #watch(change: Promise<void>): Promise<void> {
    const { clock } = this.#parts;
    this.#begun++;
    if (this.#changes++ === 0) this.#waitingSince = clock.now();
    try {
      await change;
    } catch (error) {
      this.#failed(error);
      throw error;
    } finally {
      this.#changes--;
    }
    this.#waitingSince = clock.now();
    this.recheck();
  }

  #failed(error: unknown): void {
    if (!isDiskFault(error)) return;
    this.#fault = reasonOf(error);
    this.#cancelTimer ??= this.#startTimer();
  }

  #succeeded(): void {
    this.#fault = undefined;
    if (!this.#isTold) return;
    this.#isTold = false;
    const more = this.#untold === 0 ? "" : `, after ${callsText(this.#untold)} refused`;
    this.#untold = 0;
    this.#parts.log.notice(`Changes of the monitor list are stored again${more}`);
  }

  #startTimer(): () => void {
    return this.#parts.clock.startTimer(INTERVAL_MS, () => {
      const wasQuiet = this.#fault === undefined && this.#untold === 0;
      if (this.#untold > 0) {
        const sum = `${callsText(this.#untold)} refused in ${INTERVAL_MS / 1000} s`;
        this.#parts.log.warning(`${sum}, the last one: ${this.#lastUntold}`);
        this.#untold = 0;
        this.#isTold = this.#fault !== undefined;
      }
      this.recheck();
      if (wasQuiet) this.#isSpent = false;
      this.#cancelTimer = wasQuiet ? undefined : this.#startTimer();
    });
  }
}

/** Whether an error is the disk's fault, not the record's. */
function isDiskFault(error: unknown): boolean {
  return error instanceof StoreError && !(error instanceof UnstorableRecordError);
}

function callsText(count: number): string {
  return count === 1 ? "1 more call was" : `${count} more calls were`;
}
