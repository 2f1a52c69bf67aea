/** UDP sockets as the programs open them: with system calls of our own for what the runtime is slow at. */

import { type DatagramOptions, openDatagramSocket } from "./udp.ts";
import { withDatagramCalls } from "../platform/datagram_calls.ts";
import type { DatagramSocket } from "../rpc/transport.ts";
import type { StartTimer } from "../time/clock.ts";

/**
 * Opens a UDP socket.
 *
 * @throws {TransportError} When the address or port cannot be had.
 */
export function openUdpSocket(options: DatagramOptions, startTimer: StartTimer): DatagramSocket {
  return openDatagramSocket(options, startTimer, withDatagramCalls);
}
