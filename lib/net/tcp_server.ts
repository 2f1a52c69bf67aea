/**
 * TCP sockets of a server: one per address, or one per family. With both wildcards, IPv4
 * connections come to the IPv4 socket, so a mapped address on the IPv6 one is forged; see tcp.ts.
 *
 * Source: RFC 3493 sections 3.7 and 5.3.
 */

import { setPortSharing, setSendTimeLimit } from "../platform/socket_options.ts";
import { isLoopback } from "../rpc/address.ts";
import { type Endpoint, TransportError } from "../rpc/transport.ts";
import { systemCode } from "./errors.ts";
import { listenStream, listenStreamEarly, type TcpListener } from "./tcp.ts";
import { ANY_IPV4, ANY_IPV6, isWildcard } from "./wildcards.ts";

/**
 * Time for which the kernel retries sending to a peer that is gone or does not read, in ms. Deno
 * cannot cancel a write, so the connection would count against the limits forever.
 */
const SEND_TIME_LIMIT_MS = 10_000;

/** Functions that open listeners and set their options; replaced in tests. */
export const systemListeners = {
  listen: listenStream,
  listenEarly: listenStreamEarly,
  share: ({ fd }: TcpListener, isShared: boolean) => setPortSharing(fd, isShared),
  limitSending: ({ fd }: TcpListener) => setSendTimeLimit(fd, SEND_TIME_LIMIT_MS),
};

/**
 * Opens listeners at `addresses`, or at all of this host. A listener whose address is missing
 * accepts connections once the address appears. Port 0: any, but equal for all.
 *
 * @param awaits Called for each address that this host lacks.
 * @throws {TransportError} When the port is in use, or not permitted.
 */
export function openTcpServer(
  port: number,
  addresses: readonly string[] = [ANY_IPV4, ANY_IPV6],
  awaits: (address: string) => void,
  system = systemListeners,
): TcpListener[] {
  const listeners: TcpListener[] = [];
  const areShared = addresses.some(isWildcard); // Deno's :: overlaps with IPv4 addresses too
  let samePort = port;
  try {
    for (const address of addresses) {
      const at = { address, port: samePort };
      const listener = openOne(at, areShared && listeners.length > 0, awaits, system);
      if (listener === undefined) continue;
      listeners.push(listener);
      samePort = listener.local.port;
      system.limitSending(listener);
      if (areShared) system.share(listener, true);
    }
    for (const listener of areShared ? listeners : []) system.share(listener, false);
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
}

/** Opens one listener; returns undefined on hosts without IPv6. */
function openOne(
  at: Endpoint,
  isShared: boolean,
  awaits: (address: string) => void,
  { listen, listenEarly }: typeof systemListeners,
): TcpListener | undefined {
  try {
    return listen(at, isShared);
  } catch (error) {
    const code = codeOf(error);
    const isDispensable = at.address === ANY_IPV6 || isLoopback(at.address);
    if (code === "EAFNOSUPPORT" && isDispensable) return undefined;
    if (code !== "EADDRNOTAVAIL" || at.port === 0) throw error;
    if (at.address === ANY_IPV6) return undefined;
    awaits(at.address);
    return listenEarly(at);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof TransportError ? systemCode(error.cause) : undefined;
}
