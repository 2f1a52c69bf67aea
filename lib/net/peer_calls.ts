/** Calls to peers: over a UDP socket that is open, or over a TCP connection made for the call. */

import type { CallPeer } from "../nsm/ports.ts";
import type { ClientParts } from "../rpc/client.ts";
import { DatagramClient } from "../rpc/datagram_client.ts";
import { callOverStream } from "../rpc/stream_client.ts";
import type { Connect, DatagramSocket } from "../rpc/transport.ts";

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
