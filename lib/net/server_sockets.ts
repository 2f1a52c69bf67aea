/**
 * The sockets of a server: UDP and TCP, both families, on one port number.
 *
 * UDP has a socket for each family at all addresses, and sockets of their own for callers on this host,
 * which no flood from outside fills, and which are served first. TCP has one socket on `::` for both
 * families, or one for each where the system keeps them apart (net.ipv6.bindv6only) or has only IPv4: a
 * TCP connection is made by both sides, so no source of it is forged.
 *
 * The port is ours: sockets share it (SO_REUSEADDR) only while we open a further one, since no user is
 * asked for at that option, and the most specific address gets the datagrams.
 *
 * Source: RFC 3493 sections 3.7 and 5.3; RFC 5665 section 5.1 (netids); socket(7) SO_REUSEADDR.
 */

import {
  type DatagramSocket,
  type Endpoint,
  type Netid,
  type TransportAddress,
  TransportError,
} from "../rpc/transport.ts";
import { systemCode } from "./errors.ts";
import { listenStream, type StreamListener } from "./tcp.ts";
import { openEverywhere } from "./udp_everywhere.ts";
import { openDatagramSocket, type WithDatagramCalls } from "./udp.ts";
import type { StartTimer } from "../time/clock.ts";

/**
 * How often both transports are tried on one port of the system's choice, in number. It chooses at
 * random among 28,000, of which few are in use.
 */
const SAME_PORT_ATTEMPTS = 20;

const ANY_IPV4 = "0.0.0.0";
const ANY_IPV6 = "::";

/** What a server wants. */
export interface ServerOptions {
  /** 0 lets the system choose. */
  readonly port: number;
  readonly udp: boolean;
  readonly tcp: boolean;
  /** Numeric addresses to bind to; all of this host without it. */
  readonly addresses?: readonly string[];
  readonly startTimer: StartTimer;
  /** The way to the system for UDP, if there is a quick one. */
  readonly withDatagramCalls?: WithDatagramCalls;
}

/** Open sockets. */
export interface ServerSockets {
  readonly datagrams: readonly DatagramSocket[];
  readonly listeners: readonly StreamListener[];
  readonly bound: readonly TransportAddress[];
  /** Closes all of them. */
  close(): void;
}

/** How sockets are opened; tests put others in their place. */
export interface Openers {
  datagram(at: Endpoint): DatagramSocket;
  /** UDP at all addresses, wildcards behind the sockets of this host's callers. */
  everywhere(port: number): DatagramSocket[];
  stream(at: Endpoint): StreamListener;
}

/**
 * Opens a server's sockets, all or none. With port 0 UDP and TCP get the same number if there is one
 * that is free for both.
 *
 * @throws {TransportError} When one cannot be had, for example because the port is in use.
 */
export function openServer(options: ServerOptions, openers?: Openers): ServerSockets {
  const open = openers ?? {
    datagram: (at) => openDatagramSocket(at, options.startTimer, options.withDatagramCalls),
    everywhere: (port) => openEverywhere(port, options),
    stream: listenStream,
  };
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

/**
 * Opens the sockets on a port for each of UDP and TCP. 0 is any port, but the same for all addresses;
 * undefined for TCP is that of UDP.
 */
function openOn(
  { udp, tcp, addresses }: ServerOptions,
  [udpPort, tcpPort]: readonly [number, number | undefined],
  open: Openers,
): ServerSockets {
  const opened = new OpenSockets();
  try {
    const datagrams = !udp
      ? []
      : addresses === undefined
      ? open.everywhere(udpPort).map((socket) => opened.add(socket))
      : openAll(open.datagram, udpPort, addresses, opened);
    const wanted = tcpPort ?? datagrams[0]?.local.port ?? udpPort;
    const listeners = tcp ? openAll(open.stream, wanted, addresses, opened) : [];
    const bound = [...boundTo("udp", datagrams), ...boundTo("tcp", listeners)];
    return { datagrams, listeners, bound, close: () => opened.close() };
  } catch (error) {
    opened.close();
    throw error;
  }
}

interface Socket {
  readonly local: Endpoint;
  close(): void;
}

class OpenSockets {
  readonly #sockets: Socket[] = [];

  add<S extends Socket>(socket: S): S {
    this.#sockets.push(socket);
    return socket;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

/** Opens a socket for each address, or one or two for all; with port 0 all get that of the first. */
function openAll<S extends Socket>(
  open: (at: Endpoint) => S,
  port: number,
  addresses: readonly string[] | undefined,
  opened: OpenSockets,
): S[] {
  if (addresses === undefined) return openAny(open, port, opened);
  let samePort = port;
  return addresses.map((address) => {
    const socket = opened.add(open({ address, port: samePort }));
    samePort = socket.local.port;
    return socket;
  });
}

/**
 * IPv4 first: whatever is in the way of it is an error then, and if IPv6 is refused after it, that is
 * because the families share the port.
 */
function openAny<S extends Socket>(
  open: (at: Endpoint) => S,
  port: number,
  opened: OpenSockets,
): S[] {
  const ipv4 = opened.add(open({ address: ANY_IPV4, port }));
  const everything = { address: ANY_IPV6, port: ipv4.local.port };
  try {
    return [ipv4, opened.add(open(everything))];
  } catch (error) {
    if (hasNoIpv6(error)) return [ipv4];
    if (!isInUse(error)) throw error;
    ipv4.close();
    return [opened.add(open(everything))];
  }
}

function isWildcard({ address }: Endpoint): boolean {
  return address === ANY_IPV4 || address === ANY_IPV6;
}

function hasNoIpv6(error: unknown): boolean {
  const code = codeOf(error);
  return code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL";
}

function isInUse(error: unknown): boolean {
  return codeOf(error) === "EADDRINUSE";
}

function codeOf(error: unknown): string | undefined {
  return error instanceof TransportError ? systemCode(error.cause) : undefined;
}

/** What sockets are to be registered as: wildcards have it all, and one of TCP on `::` alone is dual. */
function boundTo(transport: "udp" | "tcp", sockets: readonly Socket[]): TransportAddress[] {
  const wildcards = sockets.filter(({ local }) => isWildcard(local));
  const locals = (wildcards.length > 0 ? wildcards : sockets).map(({ local }) => local);
  const [first] = locals;
  const isDual = transport === "tcp" && locals.length === 1 && first?.address === ANY_IPV6;
  const all = isDual ? [{ address: ANY_IPV4, port: first.port }, first] : locals;
  return all.map(({ address, port }) => {
    const netid: Netid = address.includes(":") ? `${transport}6` : transport;
    return { netid, address, port };
  });
}
