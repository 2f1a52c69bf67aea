/**
 * Replies over UDP from the address that was asked. A socket on `::` lets the system choose the source
 * of what it sends, and on a host with several addresses that is often another one; clients drop such
 * replies. The runtime cannot say which address a datagram was sent to, so there is a socket for each
 * local address beside the one for all, which gets what is sent to an address that came up later.
 */

import type { Log } from "../log.ts";
import { isLinkLocal, isLoopback } from "../rpc/address.ts";
import type { DatagramSocket, Endpoint } from "../rpc/transport.ts";
import type { Clock } from "../time/clock.ts";

/**
 * Most addresses that get a socket of their own, in number: each takes a descriptor and a receive buffer.
 * Hosts with more have them for containers, which do not ask us.
 */
const ADDRESSES_MAX = 128;
/** How often the addresses are read without a reason, in ms, so that sockets of old ones do not pile up. */
const REVIEW_INTERVAL_MS = 300_000;
/** The least time between two readings, in ms: anybody can make us read, by writing to `::`. */
const READ_INTERVAL_MS = 1_000;

/** An address of this host. */
export interface LocalAddress {
  /** With its scope if it is link-local. */
  readonly address: string;
  /** Changes when the interface is made anew, even under the same name. */
  readonly key: string;
}

/** What the sockets of a server's addresses need. */
export interface LocalAddressParts {
  /** The sockets for all addresses, opened with `reuseAddress`. */
  readonly wildcards: readonly DatagramSocket[];
  /** Opens one more socket on the port. */
  open(at: Endpoint): DatagramSocket;
  localAddresses(): readonly LocalAddress[];
  readonly clock: Clock;
  readonly log: Log;
}

/** Serves one socket until it is closed. */
type ServeSocket = (socket: DatagramSocket) => Promise<void>;

/** The addresses of this host that other hosts may know; not those of loopback. */
export function localAddresses(): LocalAddress[] {
  return Deno.networkInterfaces()
    .filter(({ address }) => !isLoopback(address))
    .map(({ name, address, scopeid }) =>
      isLinkLocal(address)
        ? { address: `${address}%${name}`, key: `${address}%${name} ${scopeid}` }
        : { address, key: address }
    );
}

/**
 * The sockets for all addresses and one for each. Those of the addresses that there are now are open at
 * once: that is the time of privileges, as for a large receive buffer.
 */
export class AddressSockets {
  readonly #parts: LocalAddressParts;
  /** Sockets of single addresses, by key; undefined where there is none to be had. */
  readonly #sockets = new Map<string, DatagramSocket | undefined>();
  readonly #serving = new Set<Promise<void>>();
  #serveSocket: ServeSocket | undefined;
  #isClosed = false;
  #readAt = -Infinity;
  #cancelReview = () => {};

  constructor(parts: LocalAddressParts) {
    this.#parts = parts;
    this.#read();
  }

  /** Serves every socket, those of later addresses too, until all are closed. */
  async serve(serveSocket: ServeSocket): Promise<void> {
    this.#serveSocket = serveSocket;
    for (const socket of this.#parts.wildcards) this.#serve(this.#watched(socket));
    for (const socket of this.#sockets.values()) {
      if (socket !== undefined) this.#serve(socket);
    }
    this.#reviewLater();
    while (this.#serving.size > 0) await Promise.all(this.#serving);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelReview();
    for (const socket of this.#parts.wildcards) socket.close();
    for (const socket of this.#sockets.values()) socket?.close();
  }

  #serve(socket: DatagramSocket): void {
    const serving = this.#serveSocket?.(socket).finally(() => this.#serving.delete(serving!));
    if (serving !== undefined) this.#serving.add(serving);
  }

  /**
   * A socket for all addresses that takes every datagram from another host as a hint: the address that it
   * was sent to has no socket. This reply may leave from the wrong address, the next one does not.
   */
  #watched(socket: DatagramSocket): DatagramSocket {
    return {
      local: socket.local,
      send: (data, to) => socket.send(data, to),
      receive: (deliver) =>
        socket.receive((data, from) => {
          if (!isLoopback(from.address)) this.#readUnlessJustDone();
          deliver(data, from);
        }),
      poll: () => socket.poll(),
      close: () => socket.close(),
    };
  }

  #readUnlessJustDone(): void {
    if (this.#parts.clock.now() - this.#readAt >= READ_INTERVAL_MS) this.#read();
  }

  #reviewLater(): void {
    if (this.#isClosed) return;
    this.#cancelReview = this.#parts.clock.startTimer(REVIEW_INTERVAL_MS, () => {
      this.#read();
      this.#reviewLater();
    });
  }

  /** Opens and closes sockets so that they are those of the addresses there are now. */
  #read(): void {
    const { clock, log } = this.#parts;
    if (this.#isClosed) return;
    this.#readAt = clock.now();
    const wanted = this.#wanted();
    if (wanted === undefined) return;
    if (wanted.size > ADDRESSES_MAX && this.#sockets.size < ADDRESSES_MAX) {
      log.notice(
        `Only ${ADDRESSES_MAX} of ${wanted.size} local addresses get a socket of their own`,
      );
    }
    for (const [key, socket] of this.#sockets) {
      if (wanted.has(key)) continue;
      socket?.close();
      this.#sockets.delete(key);
    }
    for (const [key, address] of wanted) {
      const isNew = !this.#sockets.has(key);
      if (isNew && this.#sockets.size >= ADDRESSES_MAX) return;
      if (this.#sockets.get(key) === undefined) this.#open(key, address, isNew);
    }
  }

  /** The addresses that are to have a socket, by key; nothing if they cannot be read. */
  #wanted(): Map<string, string> | undefined {
    const { localAddresses, log, wildcards } = this.#parts;
    const hasIpv6 = wildcards.some(({ local }) => local.address.includes(":"));
    try {
      const usable = localAddresses().filter(({ address }) => hasIpv6 || !address.includes(":"));
      return new Map(usable.map(({ key, address }) => [key, address]));
    } catch (error) {
      log.debug(() => `Cannot read the local addresses: ${error}`);
      return undefined;
    }
  }

  #open(key: string, address: string, isNew: boolean): void {
    const { log, open, wildcards } = this.#parts;
    const { port } = wildcards[0]!.local;
    let socket: DatagramSocket | undefined;
    try {
      socket = open({ address, port });
    } catch (error) {
      // For example an IPv6 address that is still being checked for duplicates; it is tried again.
      const text = error instanceof Error ? error.message : String(error);
      if (isNew) log.info(`${text}; replies from there may have another source`);
    }
    this.#sockets.set(key, socket);
    if (socket === undefined) return;
    this.#serve(socket);
    log.debug(() => `Serving UDP at ${address} port ${port}`);
  }
}
