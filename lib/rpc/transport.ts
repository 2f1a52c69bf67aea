/**
 * Interfaces of the network that lib/net implements for the RPC layer; nothing here knows a socket.
 */

/** One end of a conversation. */
export interface Endpoint {
  /**
   * Numeric address: dotted decimal for IPv4 (never in its v4-mapped form), RFC 5952 text for IPv6,
   * with `%scope` behind a link-local one where it is known.
   */
  readonly address: string;
  readonly port: number;
}

/**
 * Origin of a message. Its socket decides whether that is this host, and nothing else does: an address
 * alone does not tell.
 */
export interface Origin extends Endpoint {
  /**
   * Sent by a program of this host: from an address of loopback over the interface of loopback, which no
   * other host reaches, or through a UNIX socket.
   */
  readonly isLocal: boolean;
  /** The local address that was asked, 4 or 16 bytes; undefined where the socket has one only. */
  readonly askedAt?: Uint8Array<ArrayBuffer>;
  /** Index of the interface by which it came, where that is known. */
  readonly interfaceIndex?: number;
}

/** Transport and address family in one word (RFC 5665 section 5.1). */
export const NETIDS = ["udp", "tcp", "udp6", "tcp6"] as const;
export type Netid = typeof NETIDS[number];

/** An address under which a service is reached, as rpcbind has it. */
export interface TransportAddress extends Endpoint {
  readonly netid: Netid;
}

/** Origin of a call. It is not a peer until it was matched with one. */
export interface Caller extends Origin, TransportAddress {
  /** User id of a caller over a UNIX socket, below 0 where it cannot be told; undefined over the network. */
  readonly uid?: number;
}

/** Answers one call message with one reply message, or with silence. */
export type Respond = (
  call: Uint8Array,
  caller: Caller,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** A bound UDP socket. */
export interface DatagramSocket {
  /** The address and port that it is bound to. */
  readonly local: Endpoint;
  /**
   * Sends one datagram, whose bytes are only valid during the call. It returns nothing where the kernel
   * has taken it already.
   *
   * @throws {TransportError} (as a rejection) When the kernel says at once that it cannot be sent.
   */
  send(data: Uint8Array, to: Endpoint | Origin): Promise<void> | undefined;
  /**
   * Hands each datagram that arrives to `deliver`, until the socket is closed. The bytes are only
   * valid during the call. Errors of single datagrams do not end it; it never rejects.
   */
  receive(deliver: (data: Uint8Array, from: Origin) => void): Promise<void>;
  /** Hands over at once what has arrived since, as far as nothing has to be waited for. */
  poll(): void;
  /** Closes the socket and ends {@link receive}; again it does nothing. */
  close(): void;
}

/** A connected byte stream. */
export interface StreamConnection {
  readonly remote: Endpoint;
  /** Accepted from a program of this host, see {@link Origin.isLocal}. */
  readonly isLocal?: boolean | undefined;
  /** User id at the other end of an accepted UNIX socket, below 0 where it cannot be told. */
  readonly uid?: number | undefined;
  /** Reads at least one byte into `into`; null at the end of the stream. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes all bytes; calls are written in order. */
  write(data: Uint8Array): Promise<void>;
  /** Closes the connection and ends a pending {@link read}; again it does nothing. */
  close(): void;
}

/**
 * Opens a connection; it gives up when the signal is aborted.
 *
 * @throws {TransportError} (as a rejection) When there is no connection to be had.
 */
export type Connect = (to: Endpoint, signal: AbortSignal) => Promise<StreamConnection>;

/** The network did not carry a message: unreachable, refused, reset, or no socket. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  /** Destination, as `address port N` or a path. */
  readonly target: string;

  constructor(action: string, target: Endpoint | string, cause: unknown) {
    const text = typeof target === "string" ? target : `${target.address} port ${target.port}`;
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Cannot ${action} ${text}: ${reason}`, { cause });
    this.target = text;
  }
}

/** An address without the `%scope` that only the local host knows. */
export function withoutScope(address: string): string {
  const percent = address.indexOf("%");
  return percent < 0 ? address : address.slice(0, percent);
}
