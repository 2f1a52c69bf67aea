/**
 * Sockets of rpcbind: port 111 over UDP and TCP in both families, and the UNIX socket, by path and
 * by its abstract name, which newer kernels try first.
 *
 * Source: RFC 1833 section 2.2; Linux 6.4 for the abstract name.
 */

import { RPCBIND_SOCKET } from "../protocol/rpcbind.ts";
import { LOOPBACK_ADDRESSES } from "../rpc/address.ts";
import type { Log } from "../log.ts";
import { handedOverSockets } from "../net/handed_over_sockets.ts";
import { openServer, type ServerOptions, systemOpeners } from "../net/server_sockets.ts";
import type { StreamListener } from "../net/tcp.ts";
import { ABSTRACT, listenUnix } from "../net/unix_listener.ts";
import { systemClock as clock } from "../platform/clock.ts";
import type { HandedOver } from "../platform/handed_over.ts";
import { PMAP_PORT } from "../protocol/portmap.ts";
import type { DatagramSocket, Netid } from "../rpc/transport.ts";
import { identityOf } from "./stand_in.ts";
import { removeIfThere } from "../platform/small_files.ts";
import { reasonOf } from "../reason.ts";

/** Mode of the UNIX socket: any user may connect, and access is decided per call. */
const SOCKET_MODE = 0o666;

export interface RpcbindSockets {
  readonly datagrams: readonly DatagramSocket[];
  readonly listeners: readonly StreamListener[];
  /** Identity of our UNIX socket, see stand_in.ts. */
  readonly ownSocket: string;
  /** Netids served. */
  readonly netids: ReadonlySet<Netid>;
  close(): void;
}

/**
 * Opens the sockets that were not handed over. Network sockets come first: if another program has
 * the port, its UNIX socket is left alone.
 *
 * @throws {TransportError} When a socket cannot be opened, for example because another rpcbind
 * runs.
 */
export function openRpcbindSockets(
  addresses: readonly string[],
  handedOver: readonly HandedOver[],
  log: Log,
): RpcbindSockets {
  const isLimited = addresses.length > 0;
  const taken = handedOverSockets(handedOver, clock.startTimer);
  const options: ServerOptions = {
    port: PMAP_PORT,
    udp: true,
    tcp: true,
    startTimer: clock.startTimer,
    ...(isLimited && { addresses: [...new Set([...LOOPBACK_ADDRESSES, ...addresses])] }),
  };
  const server = openServer(options, taken.openers(systemOpeners(options)));
  const { listeners: unix, ownSocket } = openUnixListeners(taken.unix, log);
  return {
    datagrams: server.datagrams,
    listeners: [...server.listeners, ...unix],
    ownSocket,
    netids: new Set(server.bound.map(({ netid }) => netid)),
    close() {
      for (const listener of unix) listener.close();
      server.close();
    },
  };
}

/**
 * Listeners at the path and the abstract name, unless handed over. A stale path of a dead rpcbind
 * is replaced.
 */
function openUnixListeners(
  handedOver: readonly StreamListener[],
  log: Log,
): { listeners: StreamListener[]; ownSocket: string } {
  const has = (address: string) => handedOver.some(({ local }) => local.address === address);
  const listeners = [...handedOver];
  if (!has(RPCBIND_SOCKET)) listeners.push(listenAtPath());
  // read at once, before another program can replace the socket
  const ownSocket = identityOf(RPCBIND_SOCKET);
  if (has(`@${RPCBIND_SOCKET}`)) return { listeners, ownSocket };
  try {
    listeners.push(listenUnix(ABSTRACT + RPCBIND_SOCKET));
  } catch (error) {
    log.warning(
      `Another program may answer for us at @${RPCBIND_SOCKET}, which newer kernels ask first: ` +
        reasonOf(error),
    );
  }
  return { listeners, ownSocket };
}

function listenAtPath(): StreamListener {
  removeIfThere(RPCBIND_SOCKET);
  const listener = listenUnix(RPCBIND_SOCKET);
  Deno.chmodSync(RPCBIND_SOCKET, SOCKET_MODE);
  return listener;
}
