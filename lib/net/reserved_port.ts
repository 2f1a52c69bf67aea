/**
 * UDP sockets on reserved ports (below 1024). Only a privileged process can bind one, so a lock
 * manager takes such a source port as proof that a call comes from the system, and a kernel's
 * status monitor may do so too.
 *
 * Source: bindresvport(3): a random start, then one port after another.
 */

import { type DatagramSocket, type Endpoint, TransportError } from "../rpc/transport.ts";
import { systemCode } from "./errors.ts";
import { openUdpSocket } from "./udp.ts";
import type { StartTimer } from "../time/clock.ts";
import { readableText } from "../platform/small_files.ts";
import { parsePortBlacklist, parseServices, type ServiceEntry } from "./services.ts";

/** Lowest reserved port tried; lower ones belong to well-known services. */
const FIRST_PORT = 512;
const LAST_PORT = 1023;
const PORT_COUNT = LAST_PORT - FIRST_PORT + 1;

/** Ports of other services (nfs.conf, /etc/services, bindresvport.blacklist). */
export interface GivenAwayPorts {
  /** Ports of services that may start later: used only when all other ports are in use. */
  readonly services: ReadonlySet<number>;
  /** Ports that bindresvport(3) has to avoid: used last of all. */
  readonly blacklist: ReadonlySet<number>;
}

/** Entries of /etc/services; empty if it cannot be read. */
export function readServices(): ServiceEntry[] {
  return parseServices(readableText("/etc/services") ?? "");
}

/** Ports to avoid on this host, with those in nfs.conf; most systems have no blacklist. */
export function givenAwayPorts(
  inConf: readonly number[],
  services: readonly ServiceEntry[] = readServices(),
): GivenAwayPorts {
  return {
    services: new Set([...inConf, ...services.map(({ port }) => port)]),
    blacklist: parsePortBlacklist(readableText("/etc/bindresvport.blacklist") ?? ""),
  };
}

/**
 * All reserved ports once, rotated to a random start: unassigned ports first, then ports of
 * services, then blacklisted ones. Even the last are better than none, since a lock manager ignores
 * a higher port.
 */
export function reservedPorts(
  { services, blacklist }: GivenAwayPorts,
  randomNumber: number,
): number[] {
  const all = Array.from({ length: PORT_COUNT }, (_, i) => {
    return FIRST_PORT + (randomNumber + i) % PORT_COUNT;
  });
  const rank = (port: number) => blacklist.has(port) ? 2 : services.has(port) ? 1 : 0;
  return [0, 1, 2].flatMap((wanted) => all.filter((port) => rank(port) === wanted));
}

/** Options of a reserved socket. */
export interface ReservedOptions {
  readonly address: string;
  readonly givenAway: GivenAwayPorts;
  /** Unpredictable unsigned 32-bit number. */
  readonly randomNumber: () => number;
  readonly startTimer: StartTimer;
}

/** Socket, and the reason if its port is not reserved. */
export interface ReservedSocket {
  readonly socket: DatagramSocket;
  /** Text for the log. */
  readonly note?: string;
}

/**
 * Opens a socket on a reserved port, or on any port if that is not permitted or none is free.
 *
 * @throws {TransportError} When the address cannot be bound at all.
 */
export function openReservedSocket(
  { address, givenAway, randomNumber, startTimer }: ReservedOptions,
  open: (at: Endpoint, startTimer: StartTimer) => DatagramSocket = openUdpSocket,
): ReservedSocket {
  let why = `all ports from ${FIRST_PORT} to ${LAST_PORT} are in use`;
  for (const port of reservedPorts(givenAway, randomNumber())) {
    try {
      return { socket: open({ address, port }, startTimer) };
    } catch (error) {
      const code = error instanceof TransportError ? systemCode(error.cause) : undefined;
      if (code === "EADDRINUSE") continue;
      if (code !== "EACCES" && code !== "EPERM") throw error;
      why = "binding one is not permitted";
      break;
    }
  }
  const socket = open({ address, port: 0 }, startTimer);
  const note = `Cannot bind a reserved port at ${address}: ${why}; using port ${socket.local.port}`;
  return { socket, note };
}
