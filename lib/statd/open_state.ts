/**
 * Where the daemon keeps what it has to remember: in the state directory, or in memory where that can
 * never be written and the setting `volatile-fallback` allows it. A disk that is full, or fails in
 * another way that passes, is no reason: a daemon on it serves what it has, and takes more later.
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import {
  type MonitorRecord,
  type MonitorStore,
  type NoticeMemory,
  type PeerMemory,
  reasonOf,
  StoreError,
} from "../nsm/ports.ts";
import { stateNumberOfBoot } from "../nsm/state_number.ts";
import { openMonitorStore } from "../store/file_store.ts";
import { openNoticeFile } from "../store/notice_file.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { NoPeerMemory, VolatileStore } from "../store/volatile_store.ts";
import type { Clock } from "../time/clock.ts";

/** A file system that is read-only, and one on which we may not write. */
const LASTING_FAULTS = new Set(["EROFS", "EACCES", "EPERM"]);

/** Stores of the daemon. */
export interface Memory {
  readonly store: MonitorStore;
  readonly peers: PeerMemory;
  /** Memory of notices that are not judged yet; undefined where nothing can be kept. */
  readonly noticeMemory?: NoticeMemory;
  /** Why nothing is kept when the daemon ends, in words; undefined where all is. */
  readonly volatile?: string;
}

/** Facts that decide between disk and memory. */
export interface MemoryParts {
  readonly settings: StatdSettings;
  /** The kernel's identifier of this boot, where it tells. */
  readonly bootId: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens the state directory, or what takes its place. */
export function openMemory({ settings, bootId, clock, log }: MemoryParts): Memory {
  const { stateDirectoryPath, volatileFallback } = settings;
  const files = openMonitorStore(stateDirectoryPath, { log, ...clock });
  const fault = volatileFallback ? lastingFault(files) : undefined;
  if (fault === undefined) {
    const peers = openPeerMemory(stateDirectoryPath, { log, mayCompact: true, clock });
    return { store: files, peers, noticeMemory: openNoticeFile(stateDirectoryPath, { log }) };
  }
  const volatile = `Volatile: ${fault}; who is monitored is forgotten when rpc.statd ends, ` +
    "and nobody is told when this host restarts";
  log.error(volatile);
  const stateNumber = stateNumberOfBoot(bootId ?? crypto.randomUUID());
  const store = new VolatileStore(stateNumber, readable(files));
  return { store, peers: new NoPeerMemory(), volatile };
}

/**
 * The state number at the start.
 *
 * @throws {Error} When there is none; where memory would help, the message says how to have that.
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

/** Why nothing can be written for as long as we may live; undefined where it can be, or may be later. */
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

/** The records that were left there when it could be written, as far as they can be read. */
function readable(files: MonitorStore): MonitorRecord[] {
  try {
    return [...files.load()];
  } catch {
    return []; // the same fault again
  }
}
