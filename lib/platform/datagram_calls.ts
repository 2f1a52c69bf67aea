/**
 * System calls on a UDP socket opened by Deno, bypassing its event loop: receiving queued
 * datagrams, and sending immediately. Waiting is left to Deno.
 *
 * Source: recv(2), send(2), udp(7).
 */

import { boundSocket, openNumbers } from "./descriptors.ts";
import { libc } from "./libc.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** Calls of one socket; not to be used after it is closed. */
export interface DatagramCalls {
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

/** Opens a UDP socket by `open`; without calls if its descriptor cannot be found. */
export function withDatagramCalls<T>(
  open: () => T,
): { readonly opened: T; readonly calls: DatagramCalls | undefined } {
  const before = new Set(datagramDescriptors());
  const opened = open();
  const fd = datagramDescriptors().find((fd) => !before.has(fd));
  return { opened, calls: fd === undefined ? undefined : new DescriptorCalls(fd) };
}

function datagramDescriptors(): number[] {
  return openNumbers().filter((fd) => boundSocket(fd)?.transport === "udp");
}

class DescriptorCalls implements DatagramCalls {
  readonly #fd: number;
  readonly #libc = libc();
  readonly #sourceLength = new Uint32Array(1);

  constructor(fd: number) {
    this.#fd = fd;
  }

  receive(into: Uint8Array<ArrayBuffer>, source: Uint8Array<ArrayBuffer>): number {
    const length = this.#sourceLength;
    length[0] = source.length;
    return this.#libc.recvfrom(this.#fd, into, BigInt(into.length), MSG_DONTWAIT, source, length);
  }

  send(data: Uint8Array<ArrayBuffer>, to: Uint8Array<ArrayBuffer>): boolean {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const length = BigInt(data.length);
    return this.#libc.sendto(this.#fd, data, length, flags, to, to.length) === data.length;
  }
}
