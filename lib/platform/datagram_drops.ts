/**
 * Datagrams that the kernel dropped before we saw them.
 *
 * Source: udp(7); SO_MEMINFO of linux/socket.h, SK_MEMINFO_DROPS of linux/sock_diag.h.
 */

import { boundSocket, openDescriptors } from "./descriptors.ts";
import { libc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_MEMINFO = 55;
/** It is an array of numbers of 32 bits, of which this is the last. */
const SK_MEMINFO_DROPS = 8;

/** Sum of the datagrams dropped at our UDP sockets on some ports, closed sockets included. */
export class DatagramDrops {
  readonly #ports: readonly number[];
  #open = new Map<string, number>();
  #ofClosed = 0;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  /** The sum. What a socket drops between the last call of this and its end is not in it. */
  count(): number {
    const open = new Map<string, number>();
    for (const { fd, target } of openDescriptors()) {
      const socket = boundSocket(fd);
      if (socket?.transport !== "udp" || !this.#ports.includes(socket.port)) continue;
      open.set(target, dropsOf(fd));
    }
    for (const [target, drops] of this.#open) if (!open.has(target)) this.#ofClosed += drops;
    this.#open = open;
    return [...open.values()].reduce((sum, drops) => sum + drops, this.#ofClosed);
  }
}

/** Drops of one socket (SO_MEMINFO); 0 before Linux 4.12, which does not tell. */
function dropsOf(fd: number): number {
  const info = new Uint32Array(SK_MEMINFO_DROPS + 1);
  const length = new Uint32Array([info.byteLength]);
  libc().getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, length);
  return info[SK_MEMINFO_DROPS]!;
}
