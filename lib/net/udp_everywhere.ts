/** UDP at all addresses of this host: a socket for each family, and one for each address of loopback. */

import { withDatagramCalls } from "../platform/datagram_calls.ts";
import { MessageSocket } from "../platform/message_socket.ts";
import { endSharing, interfaceName, shareUdpPort } from "../platform/socket_options.ts";
import { type DatagramSocket, TransportError } from "../rpc/transport.ts";
import type { StartTimer } from "../time/clock.ts";
import { systemCode } from "./errors.ts";
import { wildcardName } from "./socket_address.ts";
import { openDatagramSocket } from "./udp.ts";
import { WildcardSocket } from "./wildcard_socket.ts";

/** Bytes of the longest datagram that is read whole, as other RPC implementations have it. */
const RECEIVE_BUFFER_BYTES = 9_000;

const FAMILIES = [["ipv4", "0.0.0.0"], ["ipv6", "::"]] as const;
/** Where lock managers of this host call. */
const LOOPBACK = ["127.0.0.1", "::1"] as const;
/** What a kernel without IPv6 says, and a host that has it switched off. */
const NO_IPV6 = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

/**
 * Opens the sockets, those of loopback first in the result. The first is opened for us alone, so that
 * another program on the port is noticed.
 *
 * @throws {TransportError} When the port is in use, or not for us.
 */
export function openEverywhere(
  port: number,
  { startTimer }: { readonly startTimer: StartTimer },
): DatagramSocket[] {
  const local: DatagramSocket[] = [];
  const wildcards: WildcardSocket[] = [];
  const parts = {
    startTimer,
    interfaceName,
    first: () => local.forEach((socket) => socket.poll()),
    now: () => performance.now(),
  };
  let samePort = port;
  try {
    for (const [family, address] of FAMILIES) {
      const socket = openWildcard(family, address, samePort);
      if (socket === undefined) continue;
      samePort = socket.port;
      wildcards.push(new WildcardSocket(socket, address, parts));
    }
    shareUdpPort(samePort);
    for (const address of LOOPBACK.slice(0, wildcards.length)) {
      const options = { address, port: samePort, reuseAddress: true };
      local.push(openDatagramSocket(options, startTimer, withDatagramCalls));
    }
  } catch (error) {
    for (const socket of [...local, ...wildcards]) socket.close();
    throw error;
  } finally {
    if (samePort !== 0) endSharing(samePort);
  }
  return [...local, ...wildcards];
}

/** Undefined where there is no IPv6. */
function openWildcard(
  family: "ipv4" | "ipv6",
  address: string,
  port: number,
): MessageSocket | undefined {
  const name = wildcardName(family === "ipv6", port);
  try {
    return MessageSocket.open({ family, name, maxBytes: RECEIVE_BUFFER_BYTES });
  } catch (error) {
    if (family === "ipv6" && NO_IPV6.has(systemCode(error) ?? "")) return undefined;
    throw new TransportError("open UDP socket", { address, port }, error);
  }
}
