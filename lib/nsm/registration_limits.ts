/**
 * How much may be monitored. Any user of this host can call SM_MON, and each registration costs memory, a
 * file and time at the next start. A lock manager monitors each host that has locks here or that we have
 * locks at once, for each of our names; the largest sites have some thousand of them.
 */

import type { MonitorList } from "./monitor_list.ts";
import type { MonitorRecord } from "./ports.ts";

/** All of it can be set for tests; the program uses {@link REGISTRATION_LIMITS}. */
export interface RegistrationLimits {
  readonly peers: number;
  readonly ofPeer: number;
  readonly ofMyName: number;
  readonly bytes: number;
}

export const REGISTRATION_LIMITS: RegistrationLimits = {
  /** Hosts monitored, in number: ten times a large site. Each takes about 4 KB of memory, and a block. */
  peers: 100_000,
  /** Registrations of one host, in number: one for each name of ours, version and lock manager. */
  ofPeer: 256,
  /** Registrations of one requester, that is, my_name and procedure, in number. */
  ofMyName: 65_536,
  /** Length of all records together, in bytes: 100 bytes are usual, and 1,100 the most. */
  bytes: 33_554_432,
};

/** Why one more registration is too many; nothing if it is not. */
export function limitFault(
  list: MonitorList,
  record: MonitorRecord,
  limits: RegistrationLimits = REGISTRATION_LIMITS,
): string | undefined {
  if (list.countAbout(record.monName) >= limits.ofPeer) {
    return `there are ${limits.ofPeer} registrations of this host, which is the most`;
  }
  if (list.peers >= limits.peers && !list.has(record.monName)) {
    return `${limits.peers} hosts are monitored, which is the most`;
  }
  if (list.countOf(record) >= limits.ofMyName) {
    return `there are ${limits.ofMyName} registrations of this my_name, which is the most`;
  }
  if (list.bytes >= limits.bytes) {
    return `the records have ${limits.bytes} bytes, which is the most`;
  }
  return undefined;
}
