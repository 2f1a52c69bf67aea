/** Calls to peers: over an open UDP socket, or over a TCP connection per call. */

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

  /** Takes ownership of the socket, until {@link close}. */
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

/** Calls to local services. Our UDP socket is IPv4, so a UDP call to ::1 opens a socket of its own. */
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
