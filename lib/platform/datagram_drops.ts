/**
 * Count of datagrams that the kernel dropped.
 *
 * Source: udp(7); SO_MEMINFO of linux/socket.h, SK_MEMINFO_DROPS of linux/sock_diag.h.
 */

import { SOL_SOCKET } from "./c_numbers.ts";
import { boundSocket, openDescriptors } from "./descriptors.ts";
import { libc } from "./libc.ts";

const SO_MEMINFO = 55;
/** Index of the drop counter in the array of SO_MEMINFO. */
const SK_MEMINFO_DROPS = 8;

/** Drops of our UDP sockets on some ports, including closed sockets. */
export class DatagramDrops {
  readonly #ports: readonly number[];
  #open = new Map<string, number>();
  #ofClosed = 0;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  /** Sum of the drops. Drops between the last count() and the close of a socket are not included. */
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

/** Drops of one socket (SO_MEMINFO); 0 before Linux 4.12. */
function dropsOf(fd: number): number {
  const info = new Uint32Array(SK_MEMINFO_DROPS + 1);
  const length = new Uint32Array([info.byteLength]);
  libc().getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, length);
  return info[SK_MEMINFO_DROPS]!;
}
