/**
 * TCP sockets of a server: one per address, or one per family. With both wildcards, IPv4
 * connections come to the IPv4 socket, so a mapped address on the IPv6 one is forged; see tcp.ts.
 *
 * Source: RFC 3493 sections 3.7 and 5.3.
 */

import { endSharing, sharePort } from "../platform/socket_options.ts";
import { isLoopback } from "../rpc/address.ts";
import { type Endpoint, TransportError } from "../rpc/transport.ts";
import { systemCode } from "./errors.ts";
import { listenStream, listenStreamEarly, type StreamListener } from "./tcp.ts";
import { ANY_IPV4, ANY_IPV6, isWildcard } from "./wildcards.ts";

/** Functions that open listeners; replaced in tests. */
export interface TcpParts {
  /** Called for each listener. */
  readonly opened: (local: Endpoint) => void;
  /** Called for each address that this host lacks. */
  readonly awaits: (address: string) => void;
  readonly listen?: typeof listenStream;
  readonly listenEarly?: typeof listenStreamEarly;
}

/**
 * Opens listeners at `addresses`, or at all of this host. A listener whose address is missing
 * accepts connections once the address appears. Port 0: any, but equal for all.
 *
 * @throws {TransportError} When the port is in use, or not permitted.
 */
export function openTcpServer(
  port: number,
  addresses: readonly string[] = [ANY_IPV4, ANY_IPV6],
  parts: TcpParts,
): StreamListener[] {
  const openers = { listen: listenStream, listenEarly: listenStreamEarly, ...parts };
  const listeners: StreamListener[] = [];
  const areShared = addresses.some(isWildcard); // Deno's :: overlaps with IPv4 addresses too
  let samePort = port;
  try {
    for (const address of addresses) {
      const at = { address, port: samePort };
      const listener = openOne(at, areShared && listeners.length > 0, openers);
      if (listener === undefined) continue;
      listeners.push(listener);
      samePort = listener.local.port;
      if (areShared) sharePort("tcp", samePort);
    }
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  } finally {
    if (samePort !== 0) endSharing("tcp", samePort);
  }
  return listeners;
}

/** Opens one listener; returns undefined on hosts without IPv6. */
function openOne(
  at: Endpoint,
  isShared: boolean,
  parts: Required<TcpParts>,
): StreamListener | undefined {
  try {
    const listener = parts.listen(at, isShared);
    parts.opened(listener.local);
    return listener;
  } catch (error) {
    const code = codeOf(error);
    const isDispensable = at.address === ANY_IPV6 || isLoopback(at.address);
    if (code === "EAFNOSUPPORT" && isDispensable) return undefined;
    if (code !== "EADDRNOTAVAIL" || at.port === 0) throw error;
    if (at.address === ANY_IPV6) return undefined;
    parts.awaits(at.address);
    const listener = parts.listenEarly(at);
    parts.opened(listener.local);
    return listener;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof TransportError ? systemCode(error.cause) : undefined;
}
