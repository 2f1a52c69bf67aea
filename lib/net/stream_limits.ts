/**
 * Resource limits for callers over TCP. They are for callers that are broken or hostile; no lock manager
 * comes near any of them.
 */

/** All of it can be set for tests; the program uses {@link STREAM_LIMITS}. */
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

/** Limits at which a connection is closed; at the others a caller has to wait. */
export type ClosingLimit = Exclude<
  keyof StreamLimits,
  "callsInFlightMax" | "unsentMaxBytes" | "acceptPauseMs"
>;

export const STREAM_LIMITS: StreamLimits = {
  /** Longest call record in bytes: that of the common C library; the longest call here has 3,100. */
  recordMaxBytes: 9_000,
  /**
   * Calls of one connection under way, in number. A kernel has one or two; more than these are left in
   * the socket, so that one caller cannot fill the queues of all.
   */
  callsInFlightMax: 64,
  /** Replies of one connection that wait to be written, in bytes, before its calls are left unread. */
  unsentMaxBytes: 16 * 1024,
  /** For one write, in ms: what nfs-utils gives a peer that does not read its replies. */
  writeTimeoutMs: 2_000,
  /** From the first to the last byte of a record, in ms: an honest one is sent in one go. */
  recordTimeoutMs: 30_000,
  /** Without a call, in ms: clients of the common C library and kernels close theirs within 5 min. */
  idleTimeoutMs: 6 * 60_000,
  /**
   * Connections of other hosts, in number. With those of this host it stays well below 1024, the usual
   * limit of open files, since the state files need some too.
   */
  strangersMax: 400,
  /** Of these, from one IPv4 address or IPv6 /64 network: room for a few hosts behind one address. */
  perSourceMax: 32,
  /**
   * Connections from this host, in number; beyond, the one that was silent longest is closed. As many
   * again may be closed and still held by the system.
   */
  localMax: 200,
  /** After accept failed for want of descriptors or memory, in ms: others need time to free some. */
  acceptPauseMs: 50,
};
