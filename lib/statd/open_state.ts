/**
 * Choice of storage: the state directory, or memory where the directory can never be written and
 * the setting `volatile-fallback` allows it. A full disk, or another temporary fault, is no reason:
 * the daemon then serves the records that it has, and accepts more later.
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import {
  type MonitorRecord,
  type MonitorStore,
  type NoticeMemory,
  type PeerMemory,
  StoreError,
} from "../nsm/ports.ts";
import { stateNumberOfBoot } from "../nsm/state_number.ts";
import { reasonOf } from "../reason.ts";
import { openMonitorStore } from "../store/file_store.ts";
import { openNoticeFile } from "../store/notice_file.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { NoPeerMemory, VolatileStore } from "../store/volatile_store.ts";
import type { Clock } from "../time/clock.ts";

/** Permanent faults: a read-only file system, or missing permission. */
const LASTING_FAULTS = new Set(["EROFS", "EACCES", "EPERM"]);

/** Stores of the daemon. */
export interface Memory {
  readonly store: MonitorStore;
  readonly peers: PeerMemory;
  /** Storage of kept notices; undefined if nothing can be kept. */
  readonly noticeMemory?: NoticeMemory;
  /** Why nothing survives the daemon, as text; undefined if everything does. */
  readonly volatile?: string;
}

/** Inputs of the choice. */
export interface MemoryParts {
  readonly settings: StatdSettings;
  /** Boot id from the kernel; undefined if it is not available. */
  readonly bootId: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens the state directory, or its replacement in memory. */
export function openMemory({ settings, bootId, clock, log }: MemoryParts): Memory {
  const { stateDirectoryPath, volatileFallback } = settings;
  const files = openMonitorStore(stateDirectoryPath, { log, clock });
  const fault = volatileFallback ? lastingFault(files) : undefined;
  if (fault === undefined) {
    const peers = openPeerMemory(stateDirectoryPath, { log, mayCompact: true, clock });
    return { store: files, peers, noticeMemory: openNoticeFile(stateDirectoryPath, { log }) };
  }
  const volatile = `Volatile: ${fault}; the monitor list is lost when rpc.statd ends, ` +
    "and no peer is told when this host restarts";
  log.error(volatile);
  const stateNumber = stateNumberOfBoot(bootId ?? crypto.randomUUID());
  const store = new VolatileStore(stateNumber, readable(files));
  return { store, peers: new NoPeerMemory(), volatile };
}

/**
 * State number at start.
 *
 * @throws {Error} When there is none; where memory would help, the message tells how to enable it.
 */
export function firstStateNumber(store: MonitorStore): number {
  try {
    return store.stateNumber();
  } catch (error) {
    if (!isLasting(error)) throw error;
    const remedy = "Make the state directory writable, name another one by -P, " +
      "or set volatile-fallback in section [statd] of nfs.conf";
    throw new Error(`${remedy}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Reason why nothing can be written for the daemon's lifetime; undefined if it can, perhaps later. */
function lastingFault(files: MonitorStore): string | undefined {
  try {
    files.check();
  } catch (error) {
    if (isLasting(error)) return reasonOf(error);
  }
  return undefined;
}

function isLasting(error: unknown): boolean {
  const { cause } = error instanceof StoreError ? error : {};
  return cause instanceof Error && "code" in cause && LASTING_FAULTS.has(String(cause.code));
}

/** Readable records from a time when the directory was writable. */
function readable(files: MonitorStore): MonitorRecord[] {
  try {
    return [...files.load()];
  } catch {
    return []; // not readable either
  }
}
