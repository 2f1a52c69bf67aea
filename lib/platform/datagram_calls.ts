/**
 * System calls on a UDP socket that Deno opened, without its event loop: to take what has already
 * arrived, and to send at once. Waiting is left to the runtime.
 *
 * Source: recv(2), send(2), udp(7).
 */

import { boundSocket, openNumbers } from "./descriptors.ts";
import { libc } from "./libc.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** The calls of one socket; they must not be used once it was closed. */
export interface DatagramCalls {
  /**
   * Takes one datagram without waiting. `source` gets the struct sockaddr that it came from, which has
   * 28 bytes at most.
   *
   * @returns Its length, as far as it fits; below 0 when there is none, or an error to be told of.
   */
  receive(into: Uint8Array<ArrayBuffer>, source: Uint8Array<ArrayBuffer>): number;
  /** Sends one datagram to a struct sockaddr, unless that would wait or fails; whether it did. */
  send(data: Uint8Array<ArrayBuffer>, to: Uint8Array<ArrayBuffer>): boolean;
}

/** Opens a UDP socket by `open`; without calls where its descriptor cannot be told. */
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
