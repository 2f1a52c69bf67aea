/**
 * Sockets of a server: UDP and TCP, IPv4 and IPv6, on one port number. No socket is dual-stack: a
 * mapped IPv4 address on an IPv6 socket can only be forged.
 *
 * The port is exclusive: no other user can bind it, at any address, with any option.
 *
 * Source: RFC 3493 section 5.3; RFC 5665 section 5.1 (netids); socket(7) SO_REUSEPORT.
 */

import { netidFor } from "../rpc/address.ts";
import {
  type DatagramSocket,
  type Endpoint,
  type TransportAddress,
  TransportError,
} from "../rpc/transport.ts";
import type { StartTimer } from "../time/clock.ts";
import { systemCode } from "./errors.ts";
import type { StreamListener } from "./tcp.ts";
import { openTcpServer } from "./tcp_server.ts";
import { openUdpServer } from "./udp_server.ts";
import { isWildcard } from "./wildcards.ts";

/**
 * Attempts to find an ephemeral port that is free for both transports. The system chooses randomly
 * among 28,000 ports, few of them in use.
 */
const SAME_PORT_ATTEMPTS = 20;

/** Options of a server. */
export interface ServerOptions {
  /** Port number; 0: ephemeral. */
  readonly port: number;
  readonly udp: boolean;
  readonly tcp: boolean;
  /** Numeric addresses to bind; absent: all of this host. */
  readonly addresses?: readonly string[];
  readonly startTimer: StartTimer;
  /** Called for each address that this host lacks, and that is bound when it appears. */
  readonly awaits?: (address: string) => void;
}

/** UDP socket of a server, with its descriptor. */
export interface ServerDatagrams extends DatagramSocket {
  readonly fd: number;
}

export interface ServerSockets {
  readonly datagrams: readonly ServerDatagrams[];
  readonly listeners: readonly StreamListener[];
  readonly bound: readonly TransportAddress[];
  /** Closes all sockets. */
  close(): void;
}

type Addresses = readonly string[] | undefined;

/** Functions that open the sockets of one transport, all or none. */
export interface Openers {
  datagrams(port: number, addresses: Addresses): ServerDatagrams[];
  streams(port: number, addresses: Addresses): StreamListener[];
}

/**
 * Opens a server's sockets, all or none. With port 0, UDP and TCP share a number if one is free for
 * both.
 *
 * @throws {TransportError} When one cannot be opened, for example because the port is in use.
 */
export function openServer(
  options: ServerOptions,
  open: Openers = systemOpeners(options),
): ServerSockets {
  if (options.port !== 0) return openOn(options, [options.port, options.port], open);
  for (let attempt = 1; attempt < SAME_PORT_ATTEMPTS; attempt++) {
    try {
      return openOn(options, [0, undefined], open);
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
  }
  return openOn(options, [0, 0], open);
}

/** Openers of new sockets on this host. */
export function systemOpeners(options: ServerOptions): Openers {
  const { startTimer, awaits = () => {} } = options;
  return {
    datagrams: (port, addresses) => openUdpServer(port, addresses, startTimer),
    streams: (port, addresses) => openTcpServer(port, addresses, awaits),
  };
}

/** Opens the sockets on the given ports; an undefined TCP port means that of UDP. */
function openOn(
  { udp, tcp, addresses }: ServerOptions,
  [udpPort, tcpPort]: readonly [number, number | undefined],
  open: Openers,
): ServerSockets {
  const datagrams = udp ? open.datagrams(udpPort, addresses) : [];
  const close = (sockets: readonly Socket[]) => sockets.forEach((socket) => socket.close());
  try {
    const wanted = tcpPort ?? datagrams[0]?.local.port ?? udpPort;
    const listeners = tcp ? open.streams(wanted, addresses) : [];
    const bound = [...boundTo("udp", datagrams), ...boundTo("tcp", listeners)];
    return { datagrams, listeners, bound, close: () => close([...datagrams, ...listeners]) };
  } catch (error) {
    close(datagrams);
    throw error;
  }
}

interface Socket {
  readonly local: Endpoint;
  close(): void;
}

function isInUse(error: unknown): boolean {
  return error instanceof TransportError && systemCode(error.cause) === "EADDRINUSE";
}

/** Addresses served, without duplicates; a wildcard covers its family. */
function boundTo(transport: "udp" | "tcp", sockets: readonly Socket[]): TransportAddress[] {
  const bound = new Map<string, TransportAddress>();
  const wildcards = sockets.filter(({ local }) => isWildcard(local.address));
  for (const { local: { address, port } } of wildcards.length > 0 ? wildcards : sockets) {
    const netid = netidFor(transport, address);
    bound.set(address, { netid, address, port });
  }
  return [...bound.values()];
}
