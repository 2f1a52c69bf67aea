/**
 * Limits of the monitor list. Any user of this host can call SM_MON, and each registration costs
 * memory, a file and start-up time. A lock manager monitors the hosts that hold locks here, and
 * those where we hold locks, once for each of our names; the largest sites have some thousand of
 * them.
 */

import type { MonitorList } from "./monitor_list.ts";
import type { MonitorRecord } from "./ports.ts";

/** Limits; tests set their own, the program uses {@link REGISTRATION_LIMITS}. */
export interface RegistrationLimits {
  readonly peers: number;
  readonly ofPeer: number;
  readonly ofMyName: number;
  readonly bytes: number;
}

export const REGISTRATION_LIMITS: RegistrationLimits = {
  /** Peers: ten times a large site. Each takes about 4 KB of memory and a disk block. */
  peers: 100_000,
  /** Registrations of one peer: one for each name of ours, version and lock manager. */
  ofPeer: 256,
  /** Registrations of one requester (my_name and procedure). */
  ofMyName: 65_536,
  /** Total length of the records, in bytes: 100 bytes each are usual, 1,100 the most. */
  bytes: 33_554_432,
};

/** Limit that one more registration would exceed, as the end of a sentence; undefined if none. */
export function limitFault(
  list: MonitorList,
  record: MonitorRecord,
  limits: RegistrationLimits = REGISTRATION_LIMITS,
): string | undefined {
  if (list.countAbout(record.monName) >= limits.ofPeer) {
    return `there are ${limits.ofPeer} registrations of this host, which is the maximum`;
  }
  if (list.peers >= limits.peers && !list.has(record.monName)) {
    return `${limits.peers} hosts are monitored, which is the maximum`;
  }
  if (list.countOf(record) >= limits.ofMyName) {
    return `there are ${limits.ofMyName} registrations of this my_name, which is the maximum`;
  }
  if (list.bytes >= limits.bytes) {
    return `the records have ${limits.bytes} bytes, which is the maximum`;
  }
  return undefined;
}
