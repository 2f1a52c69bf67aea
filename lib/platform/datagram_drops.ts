/**
 * Count of datagrams that the kernel dropped, because a buffer was full or a packet filter refused
 * them.
 *
 * Source: udp(7); SO_MEMINFO of linux/socket.h, SK_MEMINFO_DROPS of linux/sock_diag.h.
 */

import { SOL_SOCKET } from "./c_numbers.ts";
import { libc } from "./libc.ts";

const SO_MEMINFO = 55;
/** Index of the drop counter in the array of SO_MEMINFO. */
const SK_MEMINFO_DROPS = 8;

/** Drops of an open UDP socket; 0 before Linux 4.12. */
export function droppedBy(fd: number): number {
  const info = new Uint32Array(SK_MEMINFO_DROPS + 1);
  const length = new Uint32Array([info.byteLength]);
  libc().getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, length);
  return info[SK_MEMINFO_DROPS]!;
}
