/**
 * The sockets of a server: UDP and TCP, both families, on one port number. No socket is of both families:
 * an IPv4 address at one of IPv6 can only be forged.
 *
 * The port is ours: no other user can open a socket on it, at whatever address, with whatever option.
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
 * Attempts to get one port of the system's choice for both transports, in number. The system chooses at
 * random among 28,000 ports, of which few are in use.
 */
const SAME_PORT_ATTEMPTS = 20;

/** Options of a server. */
export interface ServerOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly udp: boolean;
  readonly tcp: boolean;
  /** Numeric addresses to bind to; all of this host without it. */
  readonly addresses?: readonly string[];
  readonly startTimer: StartTimer;
  /** Is called with the port of the TCP sockets when one was opened. */
  readonly listening?: (port: number) => void;
  /** Is told of each address that this host does not have yet, and that is served once it has. */
  readonly awaits?: (address: string) => void;
}

/** Open sockets. */
export interface ServerSockets {
  readonly datagrams: readonly DatagramSocket[];
  readonly listeners: readonly StreamListener[];
  readonly bound: readonly TransportAddress[];
  /** Closes all of them. */
  close(): void;
}

type Addresses = readonly string[] | undefined;

/** Openers of sockets, all or none. */
export interface Openers {
  datagrams(port: number, addresses: Addresses): DatagramSocket[];
  streams(port: number, addresses: Addresses): StreamListener[];
}

/**
 * Opens a server's sockets, all or none. With port 0, UDP and TCP get one number if there is one that is
 * free for both.
 *
 * @throws {TransportError} When one cannot be had, for example because the port is in use.
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

/** Openers of new sockets of this host. */
export function systemOpeners(options: ServerOptions): Openers {
  const parts = {
    opened: ({ port }: Endpoint) => options.listening?.(port),
    awaits: (address: string) => options.awaits?.(address),
  };
  return {
    datagrams: (port, addresses) => openUdpServer(port, addresses, options.startTimer),
    streams: (port, addresses) => openTcpServer(port, addresses, parts),
  };
}

/** Opens the sockets on a port for each of UDP and TCP; undefined for TCP is that of UDP. */
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

/** Addresses that sockets serve, each once: a wildcard stands for all of its family. */
function boundTo(transport: "udp" | "tcp", sockets: readonly Socket[]): TransportAddress[] {
  const bound = new Map<string, TransportAddress>();
  const wildcards = sockets.filter(({ local }) => isWildcard(local.address));
  for (const { local: { address, port } } of wildcards.length > 0 ? wildcards : sockets) {
    const netid = netidFor(transport, address);
    bound.set(address, { netid, address, port });
  }
  return [...bound.values()];
}
