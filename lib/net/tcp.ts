/**
 * Byte streams: TCP in both directions, and UNIX sockets for local services.
 *
 * A listener serves one family: IPv4 connections come to the listener on 0.0.0.0, not to the one on
 * `::`. A mapped address on an IPv6 listener is forged, as a router could do that also answers for
 * it (Linux drops such packets from 5.5 on), so the connection is closed.
 *
 * A connection is local if both its addresses are loopback ones. The handshake went both ways, so
 * they are not forged.
 */

import {
  type Connect,
  type Endpoint,
  type StreamConnection,
  TransportError,
} from "../rpc/transport.ts";
import { listenEarly } from "../platform/early_listener.ts";
import { listenerOn } from "../platform/handed_over.ts";
import { withDescriptor } from "../platform/opened_socket.ts";
import { interfaceOfPeer } from "../platform/socket_options.ts";
import { streamCalls } from "../platform/stream_calls.ts";
import { addressBytes, isLinkLocal, isLoopback } from "../rpc/address.ts";
import { endpointOf, scopeOf } from "./endpoint.ts";

/** Listening socket. */
export interface StreamListener {
  readonly local: Endpoint;
  /** Accepts a connection. Rejects with an error of `Deno`, and with BadResource once closed. */
  accept(): Promise<StreamConnection>;
  close(): void;
}

/** TCP listener; its descriptor is for options that Deno lacks. */
export interface TcpListener extends StreamListener {
  readonly fd: number;
}

/**
 * Opens a TCP listener at a numeric address. `isShared`: shares its port with an overlapping
 * listener of ours (platform/socket_options.ts).
 *
 * @throws {TransportError} When the address or port cannot be bound; `cause` is the error of
 * `Deno`.
 */
export function listenStream({ address, port }: Endpoint, isShared = false): TcpListener {
  const scope = scopeOf(address);
  try {
    const options = { hostname: address, port, reusePort: isShared };
    const { opened, fd } = withDescriptor(() => Deno.listen(options));
    return tcpListener(opened, fd, endpointOf(opened.addr, scope), scope);
  } catch (error) {
    throw new TransportError("listen for TCP at", { address, port }, error);
  }
}

/**
 * Listens at an address that this host may not have yet. Connections are accepted once the address
 * appears, and until then no other process gets the port there.
 *
 * @throws {TransportError} When the port cannot be had.
 */
export function listenStreamEarly(at: Endpoint): TcpListener {
  try {
    return streamListenerOn(listenEarly(streamCalls.socketAddress(at)), at);
  } catch (error) {
    throw new TransportError("listen for TCP at", at, error);
  }
}

/** Listener on a listening descriptor, of which it takes ownership. @throws {Error} */
export function streamListenerOn(fd: number, local: Endpoint): TcpListener {
  const own = listenerOn(fd, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  return tcpListener(own.listener, own.fd, local, scopeOf(local.address));
}

/** TcpListener of Deno's listener; `scope` is the scope of a link-local address. */
function tcpListener(
  listener: Deno.TcpListener,
  fd: number,
  local: Endpoint,
  scope: string,
): TcpListener {
  let isClosed = false;
  return {
    fd,
    local,
    async accept() {
      for (;;) {
        const connection = await listener.accept();
        const remote = remoteOf(connection, scope);
        if (remote === undefined) {
          connection.close();
          continue;
        }
        // After a two-way handshake the address is not forged.
        return tcpStream(connection, remote, isLoopback(remote.address));
      }
    },
    close() {
      if (!isClosed) listener.close();
      isClosed = true;
    },
  };
}

/** Remote end of a connection, with the scope of a link-local address; undefined for a mapped address. */
function remoteOf(connection: Deno.TcpConn, scope: string): Endpoint | undefined {
  const remote = endpointOf(connection.remoteAddr, scope, false);
  if (remote === undefined || scope !== "" || !isLinkLocal(remote.address)) return remote;
  const name = interfaceOfPeer(new Uint8Array(addressBytes(remote.address)!), remote.port);
  return name === undefined ? undefined : { ...remote, address: `${remote.address}%${name}` };
}

/** Opens TCP connections. */
export const connectStream: Connect = async ({ address, port }, signal) => {
  try {
    const connection = await Deno.connect({ hostname: address, port, signal });
    return tcpStream(connection, { address, port });
  } catch (error) {
    throw new TransportError("connect to", { address, port }, error);
  }
};

/**
 * Connects to a UNIX stream socket; the connection's remote address is the path, its port 0.
 *
 * @throws {TransportError} (as a rejection) When no program listens there.
 */
export async function connectUnix(path: string): Promise<StreamConnection> {
  try {
    const connection = await Deno.connect({ transport: "unix", path });
    return new Stream(connection, { address: path, port: 0 }, path);
  } catch (error) {
    throw new TransportError("connect to", path, error);
  }
}

/** Wraps a connection accepted on a UNIX socket, with the uid of its peer. */
export function unixStream(connection: Deno.UnixConn, path: string, uid: number): StreamConnection {
  return new Stream(connection, { address: path, port: 0 }, path, uid, true);
}

function tcpStream(
  connection: Deno.TcpConn,
  remote: Endpoint,
  isLocal?: boolean,
): StreamConnection {
  try {
    // A reply is written whole: Nagle's algorithm would only delay it.
    connection.setNoDelay(true);
  } catch {
    // Reset already: the first read reports it.
  }
  return new Stream(connection, remote, remote, undefined, isLocal);
}

/** Wraps a Deno connection. */
class Stream implements StreamConnection {
  #isClosed = false;
  /** Last write in progress. */
  #lastWrite: Promise<void> | undefined;

  constructor(
    readonly connection: Deno.Conn,
    readonly remote: Endpoint,
    readonly target: Endpoint | string,
    readonly uid?: number,
    readonly isLocal?: boolean,
  ) {}

  async read(into: Uint8Array): Promise<number | null> {
    try {
      return await this.connection.read(into);
    } catch (error) {
      throw new TransportError("read from", this.target, error);
    }
  }

  /** Writes are serialised, whether or not they are awaited, since a write may be partial. */
  write(data: Uint8Array): Promise<void> {
    const write = this.#lastWrite?.then(() => this.#writeAll(data)) ?? this.#writeAll(data);
    const settled: Promise<void> = write.catch(() => {/* the writer was told */}).then(() => {
      if (this.#lastWrite === settled) this.#lastWrite = undefined;
    });
    this.#lastWrite = settled;
    return write;
  }

  async #writeAll(data: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < data.length;) at += await this.connection.write(data.subarray(at));
    } catch (error) {
      throw new TransportError("write to", this.target, error);
    }
  }

  /**
   * Closes the connection. A pending read fails at once. A write blocked by a remote that does not
   * read continues, and Deno keeps the connection until the system or the remote gives up.
   */
  close(): void {
    if (!this.#isClosed) this.connection.close();
    this.#isClosed = true;
  }
}
