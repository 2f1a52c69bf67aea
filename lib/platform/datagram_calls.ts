/**
 * System calls on a UDP socket opened by Deno, bypassing its event loop: receiving queued
 * datagrams, and sending immediately. Waiting is left to Deno.
 *
 * Source: recv(2), send(2), udp(7).
 */

import { MSG_DONTWAIT, MSG_NOSIGNAL } from "./c_numbers.ts";
import { libc } from "./libc.ts";

/** Calls of one socket; not to be used after it is closed. */
export interface DatagramCalls {
  /** Descriptor of the socket. */
  readonly fd: number;
  /**
   * Receives one datagram without waiting. `source` receives its struct sockaddr, of at most 28
   * bytes.
   *
   * @returns Its length, truncated to the buffer; negative if there is none, or on an error.
   */
  receive(into: Uint8Array<ArrayBuffer>, source: Uint8Array<ArrayBuffer>): number;
  /** Sends one datagram to a struct sockaddr; false if that would block or fails. */
  send(data: Uint8Array<ArrayBuffer>, to: Uint8Array<ArrayBuffer>): boolean;
}

export class DescriptorCalls implements DatagramCalls {
  readonly #libc = libc();
  readonly #sourceLength = new Uint32Array(1);

  constructor(readonly fd: number) {}

  receive(into: Uint8Array<ArrayBuffer>, source: Uint8Array<ArrayBuffer>): number {
    const length = this.#sourceLength;
    length[0] = source.length;
    return this.#libc.recvfrom(this.fd, into, BigInt(into.length), MSG_DONTWAIT, source, length);
  }

  send(data: Uint8Array<ArrayBuffer>, to: Uint8Array<ArrayBuffer>): boolean {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const length = BigInt(data.length);
    return this.#libc.sendto(this.fd, data, length, flags, to, to.length) === data.length;
  }
}
