/**
 * The sockets that statd serves: all of this host or chosen addresses, UDP and TCP. Replies leave from
 * the address that was asked.
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { localAddresses, serveLocalAddresses } from "../net/local_addresses.ts";
import { openServer, type ServerSockets } from "../net/server_sockets.ts";
import { serveStreams } from "../net/stream_server.ts";
import { openDatagramSocket, serveDatagrams } from "../net/udp.ts";
import { reasonOf } from "../nsm/ports.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { setReceiveBuffer, setSendTimeLimit } from "../platform/socket_options.ts";
import { netidFor } from "../protocol/universal_address.ts";
import type { Caller, DatagramSocket, Respond } from "../rpc/transport.ts";

/** Always listened on: lock managers are there. */
const LOOPBACK = ["127.0.0.1", "::1"];

/**
 * Receive buffer of a UDP socket, in bytes: the kernel counts about 800 for a small datagram, so this
 * holds the notices of 5,000 peers that have power again at the same moment.
 */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/**
 * How long the kernel tries to hand data to a peer that has gone or does not read, in ms. The runtime
 * cannot give up a write by itself, and the connection would count against the limits for ever.
 */
const SEND_TIME_LIMIT_MS = 10_000;

/**
 * Opens the sockets; `defaultPort` is for where no port is set, 0 for any.
 *
 * @throws {TransportError} When one cannot be had, for example because the port is in use.
 */
export function openNsmServer(settings: StatdSettings, defaultPort: number): ServerSockets {
  const { port, udp, tcp, listenAddresses } = settings;
  const isLimited = listenAddresses.length > 0;
  const server = openServer({
    port: port || defaultPort,
    udp,
    tcp,
    startTimer: clock.startTimer,
    ...(isLimited
      ? { addresses: [...new Set([...LOOPBACK, ...listenAddresses])] }
      : { sharesUdpPort: true }),
  });
  for (const { local } of server.datagrams) setReceiveBuffer(local.port, RECEIVE_BUFFER_BYTES);
  for (const { local } of server.listeners) setSendTimeLimit(local.port, SEND_TIME_LIMIT_MS);
  return server;
}

/** Answers the calls at all sockets, until the signal is aborted. */
export async function serveCalls(
  { datagrams, listeners, close }: ServerSockets,
  { listenAddresses }: StatdSettings,
  respond: Respond,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  signal.addEventListener("abort", close);
  const hooks = {
    respondFailed: ({ address }: Caller, error: unknown) =>
      log.error(`Cannot answer a call from ${address}: ${reasonOf(error)}`),
    replyFailed: ({ address }: Caller, error: unknown) =>
      log.debug(() => `Cannot reply to ${address}: ${reasonOf(error)}`),
    dropped: ({ address }: Caller) =>
      log.debug(() => `Dropped a call from ${address}: too many are under way`),
  };
  const netidOf = (transport: "udp" | "tcp") => (address: string) => netidFor(transport, address);
  const serve = (socket: DatagramSocket) => serveDatagrams(socket, netidOf("udp"), respond, hooks);
  const streams = { netidOf: netidOf("tcp"), clock, log, signal };
  await Promise.all([
    ...listeners.map((listener) => serveStreams(listener, respond, streams)),
    ...(listenAddresses.length > 0 || datagrams.length === 0 ? datagrams.map(serve) : [
      serveLocalAddresses({
        wildcards: datagrams,
        serve,
        open(at) {
          const socket = openDatagramSocket({ ...at, reuseAddress: true }, clock.startTimer);
          setReceiveBuffer(at.port, RECEIVE_BUFFER_BYTES);
          return socket;
        },
        localAddresses,
        clock,
        log,
        signal,
      }),
    ]),
  ]);
}
