/**
 * Sockets of statd: UDP and TCP, on all addresses or on chosen ones. Replies leave from the address
 * that was called.
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { CounterName, Counters } from "../nsm/counters.ts";
import { parseHosts, systemNameFiles } from "../net/hosts_file.ts";
import { openServer, type ServerSockets } from "../net/server_sockets.ts";
import { type ClosingLimit, sharedLimits } from "../net/stream_limits.ts";
import { serveStreams } from "../net/stream_server.ts";
import { serveDatagrams } from "../net/udp.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { reasonOf } from "../reason.ts";
import { isLoopback, LOOPBACK_ADDRESSES, netidFor } from "../rpc/address.ts";
import type { Caller, DatagramSocket, Netid, Respond, TransportAddress } from "../rpc/transport.ts";

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

/** Dependencies of serving. */
export interface CallParts {
  readonly respond: Respond;
  readonly counters: Counters;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Serves calls on all sockets until the signal is aborted. */
export async function serveCalls(
  { datagrams, listeners, close }: ServerSockets,
  { respond, counters, log, signal }: CallParts,
): Promise<void> {
  signal.addEventListener("abort", close);
  const hooks = {
    respondFailed: ({ address }: Caller, error: unknown) =>
      log.error(`Cannot answer a call from ${address}: ${reasonOf(error)}`),
    replyFailed: ({ address }: Caller, error: unknown) =>
      log.debug(() => `Cannot reply to ${address}: ${reasonOf(error)}`),
    dropped({ address }: Caller) {
      counters.calls_dropped++;
      log.debug(() => `Dropped a call from ${address}: too many are under way`);
    },
  };
  const netidOf = (transport: "udp" | "tcp") => (address: string) => netidFor(transport, address);
  const serve = (socket: DatagramSocket) => serveDatagrams(socket, netidOf("udp"), respond, hooks);
  const limitReached = (limit: ClosingLimit) => void counters[CLOSED[limit]]++;
  const limits = sharedLimits(listeners);
  const streams = { netidOf: netidOf("tcp"), clock, log, limitReached, limits, signal };
  await Promise.all([
    ...listeners.map((listener) => serveStreams(listener, respond, streams)),
    ...datagrams.map(serve),
  ]);
}
