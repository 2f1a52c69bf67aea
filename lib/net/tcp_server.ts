/**
 * The TCP sockets of a server: one for each address, or one for each family. Where both families are
 * served at all addresses, connections over IPv4 come to the socket of IPv4, so that what looks like one
 * of them on the other socket is forged; see tcp.ts.
 *
 * Source: RFC 3493 sections 3.7 and 5.3.
 */

import { endSharing, sharePort } from "../platform/socket_options.ts";
import { isLoopback } from "../rpc/address.ts";
import { type Endpoint, type StreamConnection, TransportError } from "../rpc/transport.ts";
import { sleep, type StartTimer } from "../time/clock.ts";
import { systemCode } from "./errors.ts";
import { listenStream, type StreamListener } from "./tcp.ts";
import { ANY_IPV4, ANY_IPV6, isWildcard } from "./wildcards.ts";

/** How often an address that this host does not have is tried again, in ms. */
const RETRY_MS = 2_000;

/** How listeners are opened; a test puts others in the place of these. */
export interface TcpParts {
  readonly startTimer: StartTimer;
  /** Is called for each listener, also for one that is opened later. */
  readonly opened: (local: Endpoint) => void;
  /** Is told of each address that this host does not have yet. */
  readonly awaits: (address: string) => void;
  readonly listen?: typeof listenStream;
}

/**
 * Opens listeners at `addresses`, or at all of this host. One whose address this host does not have takes
 * connections once it has. Port 0 is any, but the same for all.
 *
 * @throws {TransportError} When the port is in use, or not for us.
 */
export function openTcpServer(
  port: number,
  addresses: readonly string[] = [ANY_IPV4, ANY_IPV6],
  parts: TcpParts,
): StreamListener[] {
  const { listen = listenStream } = parts;
  const listeners: StreamListener[] = [];
  const areShared = addresses.some(isWildcard); // the runtime's :: overlaps with those of IPv4 too
  let samePort = port;
  try {
    for (const address of addresses) {
      const at = { address, port: samePort };
      const listener = openOrLater(at, areShared && listeners.length > 0, { ...parts, listen });
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

/** Undefined where this host does without IPv6. */
function openOrLater(
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
    return new LateListener(at, parts);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof TransportError ? systemCode(error.cause) : undefined;
}

/** A listener at an address that this host does not have yet. */
class LateListener implements StreamListener {
  readonly #parts: Required<TcpParts>;
  readonly #closing = new AbortController();
  #listener: StreamListener | undefined;

  constructor(readonly local: Endpoint, parts: Required<TcpParts>) {
    this.#parts = parts;
  }

  async accept(): Promise<StreamConnection> {
    while (this.#listener === undefined) {
      await sleep(this.#parts.startTimer, RETRY_MS, this.#closing.signal);
      if (this.#closing.signal.aborted) throw new Deno.errors.BadResource("closed");
      this.#listener = this.#open();
    }
    return await this.#listener.accept();
  }

  /** Undefined while the address is not there. */
  #open(): StreamListener | undefined {
    try {
      const listener = this.#parts.listen(this.local, false);
      this.#parts.opened(this.local);
      return listener;
    } catch (error) {
      if (codeOf(error) === "EADDRNOTAVAIL") return undefined;
      throw error;
    }
  }

  close(): void {
    this.#closing.abort();
    this.#listener?.close();
  }
}
