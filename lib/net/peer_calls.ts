/** Calls to peers: over a UDP socket that is open, or over a TCP connection made for the call. */

import type { CallPeer } from "../nsm/ports.ts";
import type { ClientParts } from "../rpc/client.ts";
import { DatagramClient } from "../rpc/datagram_client.ts";
import { callOverStream } from "../rpc/stream_client.ts";
import type { Connect, DatagramSocket } from "../rpc/transport.ts";
import { connectStream } from "./tcp.ts";
import { openUdpSocket } from "./udp.ts";

const LOOPBACK6 = "::1";

/** Calls from one source. */
export class PeerCalls implements CallPeer {
  readonly #datagrams: DatagramClient;
  readonly #connect: Connect;
  readonly #parts: ClientParts;

  /** Owns the socket from here on; {@link close} closes it. */
  constructor(socket: DatagramSocket, connect: Connect, parts: ClientParts) {
    this.#datagrams = new DatagramClient(socket, parts);
    this.#connect = connect;
    this.#parts = parts;
  }

  call: CallPeer["call"] = (program, name, args, to, transport, timeoutMs) =>
    transport === "udp"
      ? this.#datagrams.call(program, name, args, to, timeoutMs)
      : callOverStream(this.#connect, this.#parts, program, name, args, to, timeoutMs);

  close(): Promise<void> {
    return this.#datagrams.close();
  }
}

/**
 * Calls to services of this host, where the open UDP socket is one of IPv4: calls to ::1 over UDP go
 * through a socket that is opened for the call.
 */
export class LoopbackCalls implements CallPeer {
  readonly #ipv4: CallPeer;
  readonly #parts: ClientParts;

  constructor(ipv4: CallPeer, parts: ClientParts) {
    this.#ipv4 = ipv4;
    this.#parts = parts;
  }

  call: CallPeer["call"] = async (program, name, args, to, transport, timeoutMs) => {
    if (transport === "tcp" || to.address !== LOOPBACK6) {
      return await this.#ipv4.call(program, name, args, to, transport, timeoutMs);
    }
    const socket = openUdpSocket({ address: LOOPBACK6, port: 0 }, this.#parts.startTimer);
    const calls = new PeerCalls(socket, connectStream, this.#parts);
    try {
      return await calls.call(program, name, args, to, transport, timeoutMs);
    } finally {
      await calls.close();
    }
  };
}
