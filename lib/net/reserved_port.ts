/**
 * A UDP socket on a port below 1024. Only the privileged can have one, so that a lock manager takes the
 * port for a sign that a call comes from the system, and a kernel's status monitor may as well.
 *
 * Source: bindresvport(3): a random start, then one port after another.
 */

import { type DatagramSocket, TransportError } from "../rpc/transport.ts";
import { systemCode } from "./errors.ts";
import { openUdpSocket } from "./udp.ts";
import type { StartTimer } from "../time/clock.ts";
import { readableText } from "../platform/small_files.ts";
import { parsePortBlacklist, parseServices, type ServiceEntry } from "./services.ts";

/** Lowest reserved port that is tried; lower ones have well-known services. */
const FIRST_PORT = 512;
const LAST_PORT = 1023;
const PORT_COUNT = LAST_PORT - FIRST_PORT + 1;

/** Ports that are somebody else's. */
export interface GivenAwayPorts {
  /** Of services that may come up later: taken only when everything else is in use. */
  readonly services: ReadonlySet<number>;
  /** Ports that bindresvport(3) is told to avoid: taken last of all. */
  readonly blacklist: ReadonlySet<number>;
}

/** No port is given away, as where a person waits for one call. */
export const NOTHING_GIVEN_AWAY: GivenAwayPorts = { services: new Set(), blacklist: new Set() };

/** The entries of /etc/services; none where it cannot be read. */
export function readServices(): ServiceEntry[] {
  return parseServices(readableText("/etc/services") ?? "");
}

/** The ports that this machine's administrator has given away; most systems have no blacklist. */
export function givenAwayPorts(services: readonly ServiceEntry[] = readServices()): GivenAwayPorts {
  return {
    services: new Set(services.map(({ port }) => port)),
    blacklist: parsePortBlacklist(readableText("/etc/bindresvport.blacklist") ?? ""),
  };
}

/**
 * Every reserved port once, beginning at a random one: unassigned ports first, then ports of services,
 * then blacklisted ones. The last are still better than none, since a lock manager does
 * not listen to a port above.
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
  /** An unpredictable unsigned 32-bit number. */
  readonly randomNumber: () => number;
  readonly startTimer: StartTimer;
}

/** A socket, and why it has no reserved port if that is so. */
export interface ReservedSocket {
  readonly socket: DatagramSocket;
  /** For the log. */
  readonly note?: string;
}

/**
 * Opens a socket on a reserved port, or on any port where that is not permitted or none is free.
 *
 * @throws {TransportError} When the address cannot be had at all.
 */
export function openReservedSocket(
  { address, givenAway, randomNumber, startTimer }: ReservedOptions,
  open: typeof openUdpSocket = openUdpSocket,
): ReservedSocket {
  let why = `all ports from ${FIRST_PORT} to ${LAST_PORT} are in use`;
  for (const port of reservedPorts(givenAway, randomNumber())) {
    try {
      return { socket: open({ address, port }, startTimer) };
    } catch (error) {
      const code = error instanceof TransportError ? systemCode(error.cause) : undefined;
      if (code === "EADDRINUSE") continue;
      if (code !== "EACCES" && code !== "EPERM") throw error;
      why = "there is no permission for one";
      break;
    }
  }
  const socket = open({ address, port: 0 }, startTimer);
  const note = `Cannot bind a reserved port at ${address}: ${why}; using port ${socket.local.port}`;
  return { socket, note };
}
