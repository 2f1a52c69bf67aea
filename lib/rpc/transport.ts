/** Transport interfaces, implemented by lib/net. */

/** Address and port. */
export interface Endpoint {
  /**
   * Numeric address: dotted decimal for IPv4 (never v4-mapped), RFC 5952 text for IPv6, with the
   * `%scope` of a link-local address if known.
   */
  readonly address: string;
  readonly port: number;
}

/** End of the reserved ports: only privileged processes can bind a port below this one. */
export const RESERVED_PORT_END = 1024;

/** Origin of a message. Only its socket decides whether it is local; an address alone does not tell. */
export interface Origin extends Endpoint {
  /**
   * Whether a program of this host sent it: over the loopback interface from a loopback address,
   * which no remote host can do, or through a UNIX socket.
   */
  readonly isLocal: boolean;
  /** Local destination address, 4 or 16 bytes; undefined if the socket has only one. */
  readonly askedAt?: Uint8Array<ArrayBuffer>;
  /** Index of the receiving interface, if known. */
  readonly interfaceIndex?: number;
}

/** Index of the loopback interface, in every network namespace. */
const LOOPBACK_INTERFACE = 1;

/**
 * Whether a source address of this host is proof of a local sender: over loopback and over
 * connections. In datagrams at other addresses remote hosts can forge it, and the kernel reports
 * one interface for both.
 */
export function provesOwn({ interfaceIndex }: Pick<Origin, "interfaceIndex">): boolean {
  return interfaceIndex === undefined || interfaceIndex === LOOPBACK_INTERFACE;
}

/** Netids: transport and address family in one word (RFC 5665 section 5.1). */
export const NETIDS = ["udp", "tcp", "udp6", "tcp6"] as const;
export type Netid = typeof NETIDS[number];

/** Service address as rpcbind has it. */
export interface TransportAddress extends Endpoint {
  readonly netid: Netid;
}

/** Origin of a call. It becomes a peer only when matched with one. */
export interface Caller extends Origin, TransportAddress {
  /** Uid of a caller over a UNIX socket, negative if unknown; undefined over the network. */
  readonly uid?: number;
}

/** Answers a call message with a reply message, or not at all. */
export type Respond = (
  call: Uint8Array,
  caller: Caller,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

export interface DatagramSocket {
  /** Address and port that the socket is bound to. */
  readonly local: Endpoint;
  /**
   * Sends one datagram, whose bytes are valid only during the call. Returns undefined if the kernel has
   * accepted it already.
   *
   * @throws {TransportError} (as a rejection) When the kernel refuses it.
   */
  send(data: Uint8Array, to: Endpoint | Origin): Promise<void> | undefined;
  /**
   * Passes each datagram to `deliver` until the socket is closed. The bytes are valid only during
   * the call. Errors of single datagrams do not end it; never rejects.
   */
  receive(deliver: (data: Uint8Array, from: Origin) => void): Promise<void>;
  /** Delivers queued datagrams without waiting. */
  poll(): void;
  /** Closes the socket and ends {@link receive}; idempotent. */
  close(): void;
}

export interface StreamConnection {
  readonly remote: Endpoint;
  /** Whether it was accepted from a program of this host, see {@link Origin.isLocal}. */
  readonly isLocal?: boolean | undefined;
  /** Uid of the peer of an accepted UNIX socket, negative if unknown. */
  readonly uid?: number | undefined;
  /** Reads at least one byte into `into`; null at the end of the stream. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes all bytes; concurrent writes keep their order. */
  write(data: Uint8Array): Promise<void>;
  /** Closes the connection and ends a pending {@link read}; idempotent. */
  close(): void;
}

/**
 * Opens a connection, until the signal is aborted.
 *
 * @throws {TransportError} (as a rejection) When connecting fails.
 */
export type Connect = (to: Endpoint, signal: AbortSignal) => Promise<StreamConnection>;

/** Thrown when the network did not carry a message: unreachable, refused, reset, or no socket. */
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

/** Address without its `%scope`, which only the local host knows. */
export function withoutScope(address: string): string {
  const percent = address.indexOf("%");
  return percent < 0 ? address : address.slice(0, percent);
}
