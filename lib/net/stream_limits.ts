/** Resource limits for TCP callers, against broken or hostile ones; no lock manager comes near them. */

import type { StreamListener } from "./tcp.ts";

/** Limits; tests set their own, the program uses {@link STREAM_LIMITS}. */
export interface StreamLimits {
  readonly recordMaxBytes: number;
  readonly callsInFlightMax: number;
  readonly unsentMaxBytes: number;
  readonly writeTimeoutMs: number;
  readonly recordTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly strangersMax: number;
  readonly perSourceMax: number;
  readonly localMax: number;
  readonly acceptPauseMs: number;
}

/** Limits at which a connection is closed; at other limits its caller waits. */
export type ClosingLimit = Exclude<
  keyof StreamLimits,
  "callsInFlightMax" | "unsentMaxBytes" | "acceptPauseMs"
>;

export const STREAM_LIMITS: StreamLimits = {
  /** Longest call record, in bytes: the limit of the common C library. Our longest call has 3,100. */
  recordMaxBytes: 9_000,
  /**
   * Calls in flight per connection. A kernel has one or two; further calls stay in the socket, so
   * that one caller cannot fill shared queues.
   */
  callsInFlightMax: 64,
  /** Queued replies of a connection, in bytes, beyond which its calls are not read. */
  unsentMaxBytes: 16 * 1024,
  /**
   * Timeout of one write, in ms: as long as nfs-utils waits for a peer that does not read its
   * replies.
   */
  writeTimeoutMs: 2_000,
  /** Timeout from the first to the last byte of a record, in ms: a genuine record is sent in one go. */
  recordTimeoutMs: 30_000,
  /** Idle timeout, in ms: the common C library and kernels close their connections within 5 min. */
  idleTimeoutMs: 6 * 60_000,
  /**
   * Connections of remote hosts. Together with local ones it stays well below 1024, the usual limit
   * of open files, since state files need descriptors too.
   */
  strangersMax: 400,
  /** Connections per remote source (IPv4 address or IPv6 /64): a few hosts behind one address. */
  perSourceMax: 32,
  /**
   * Limit of local connections; beyond it, the longest idle one is closed. As many again may be
   * closed and still held by the system.
   */
  localMax: 200,
  /** Pause after accept() failed for lack of descriptors or memory, in ms, in which some may be freed. */
  acceptPauseMs: 50,
};

/**
 * Limits of each of several listeners of one process, which together keep to {@link STREAM_LIMITS}. No
 * address family can use up the connections of the other.
 */
export function sharedLimits(
  listeners: readonly Pick<StreamListener, "local">[],
): Pick<StreamLimits, "strangersMax" | "localMax"> {
  const { strangersMax, localMax } = STREAM_LIMITS;
  const ofNetwork = listeners.filter(({ local: { address } }) => !/^[/@]/.test(address));
  return {
    strangersMax: Math.ceil(strangersMax / Math.max(1, ofNetwork.length)),
    localMax: Math.ceil(localMax / Math.max(1, listeners.length)),
  };
}
