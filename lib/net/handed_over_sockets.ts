/**
 * Socket activation: server sockets opened by a service manager (sd_listen_fds(3)), behind our
 * interfaces. A transport without such a socket is opened normally.
 */

import { isIpv6 } from "../rpc/address.ts";
import { type HandedOver, listenerOn } from "../platform/handed_over.ts";
import { MessageSocket } from "../platform/message_socket.ts";
import { interfaceName, setReceiveBuffer } from "../platform/socket_options.ts";
import type { StartTimer } from "../time/clock.ts";
import { ArrivalSocket } from "./arrival_socket.ts";
import type { Openers } from "./server_sockets.ts";
import { endpointIn } from "./socket_address.ts";
import { type StreamListener, streamListenerOn } from "./tcp.ts";
import { systemListeners } from "./tcp_server.ts";
import { DATAGRAM_MAX_BYTES } from "./udp.ts";
import { SERVER_BUFFER_BYTES } from "./udp_server.ts";
import { ABSTRACT, unixListener } from "./unix_listener.ts";

/** Offset of sun_path in struct sockaddr_un, in bytes. */
const SUN_PATH_AT = 2;

/** Sockets handed over: UNIX listeners, and openers for the network. */
export interface HandedOverSockets {
  readonly unix: readonly StreamListener[];
  /** Openers that return handed-over sockets, or else use the given openers. */
  openers(others: Openers): Openers;
}

/**
 * Takes over sockets.
 *
 * @throws {Error} When one cannot be used.
 */
export function handedOverSockets(
  sockets: readonly HandedOver[],
  startTimer: StartTimer,
): HandedOverSockets {
  const of = (family: HandedOver["family"], kind: HandedOver["kind"]) =>
    sockets.filter((socket) => socket.family === family && socket.kind === kind);
  const datagrams = of("internet", "datagram").map((socket) => datagramSocket(socket, startTimer));
  const streams = of("internet", "stream").map(tcpListener);
  return {
    unix: of("unix", "stream").map(listenerAtPath),
    openers: (others) => ({
      datagrams: (...wanted) => datagrams.length > 0 ? datagrams : others.datagrams(...wanted),
      streams: (...wanted) => streams.length > 0 ? streams : others.streams(...wanted),
    }),
  };
}

function datagramSocket({ fd, name }: HandedOver, startTimer: StartTimer): ArrivalSocket {
  const { address } = endpointIn(name, "")!;
  const family = isIpv6(address) ? "ipv6" : "ipv4";
  const socket = MessageSocket.adopt(fd, { family, maxBytes: DATAGRAM_MAX_BYTES });
  setReceiveBuffer(fd, SERVER_BUFFER_BYTES);
  return new ArrivalSocket(socket, address, {
    startTimer,
    interfaceName,
    first() {},
    now: () => performance.now(),
  });
}

function tcpListener({ fd, name }: HandedOver): StreamListener {
  const listener = streamListenerOn(fd, endpointIn(name, "")!);
  systemListeners.limitSending(listener);
  return listener;
}

function listenerAtPath({ fd, name }: HandedOver): StreamListener {
  const path = new TextDecoder().decode(name.subarray(SUN_PATH_AT)).replace(/(?!^)\0.*$/s, "");
  const aside = `${ABSTRACT}nsm-${Deno.pid}-${fd}`;
  const { listener } = listenerOn(fd, () => Deno.listen({ transport: "unix", path: aside }));
  return unixListener(listener, path, path.startsWith(ABSTRACT) ? `@${path.slice(1)}` : path);
}
