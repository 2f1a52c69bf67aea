/**
 * Sockets of statd: UDP and TCP, on all addresses or on chosen ones. Replies leave from the address
 * that was called.
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { CounterName, Counters } from "../nsm/counters.ts";
import { parseHosts, systemNameFiles } from "../net/hosts_file.ts";
import { openServer, type ServerSockets } from "../net/server_sockets.ts";
import type { ClosingLimit } from "../net/stream_limits.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { isLoopback, LOOPBACK_ADDRESSES } from "../rpc/address.ts";
import type { Netid, TransportAddress } from "../rpc/transport.ts";

/** Loopback addresses, with the one of this host's name in /etc/hosts: Debian's 127.0.1.1. */
function loopbackAddresses(): string[] {
  const own = parseHosts(systemNameFiles.hosts().text).get(Deno.hostname().toLowerCase());
  return [...LOOPBACK_ADDRESSES, ...own?.addresses.filter(isLoopback) ?? []];
}

/**
 * Opens the sockets. `defaultPort` applies where no port is configured; 0: any.
 *
 * @throws {TransportError} When a socket cannot be opened, for example because its port is in use.
 */
export function openNsmServer(
  { port, udp, tcp, listenAddresses }: StatdSettings,
  defaultPort: number,
  log: Log,
): ServerSockets {
  const isLimited = listenAddresses.length > 0;
  return openServer({
    port: port || defaultPort,
    udp,
    tcp,
    startTimer: clock.startTimer,
    awaits: (address) =>
      log.notice(
        `listen-addresses: this host has no ${address} now; it will be served once it has`,
      ),
    ...(isLimited && { addresses: [...new Set([...loopbackAddresses(), ...listenAddresses])] }),
  });
}

/**
 * Addresses for rpcbind: it keeps one entry per netid, and for a wildcard address answers with the
 * address that it was asked at.
 */
export function toBeRegistered(bound: readonly TransportAddress[]): TransportAddress[] {
  const byNetid = new Map<Netid, TransportAddress>();
  for (const { netid, port } of bound) {
    byNetid.set(netid, { netid, address: netid.endsWith("6") ? "::" : "0.0.0.0", port });
  }
  return [...byNetid.values()];
}

/** Counter of each limit that closes a connection. */
const CLOSED: Readonly<Record<ClosingLimit, CounterName>> = {
  recordMaxBytes: "records_refused",
  writeTimeoutMs: "connections_unread",
  recordTimeoutMs: "connections_unfinished",
  idleTimeoutMs: "connections_idle",
  strangersMax: "connections_refused",
  perSourceMax: "connections_refused_source",
  localMax: "connections_refused_local",
};

/** Hooks that count dropped calls, and connections closed because of a limit. */
export function limitHooks(counters: Counters) {
  return {
    dropped: () => void counters.calls_dropped++,
    limitReached: (limit: ClosingLimit) => void counters[CLOSED[limit]]++,
  };
}
