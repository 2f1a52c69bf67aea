/**
 * Packet filter (classic BPF) that drops link-layer broadcasts, so that a flood of them wakes
 * nobody.
 *
 * ```
 * struct sock_filter  code (2 bytes), jump if true (1), jump if false (1), operand (4)
 * struct sock_fprog   number of instructions (2), padding (6), pointer
 * ```
 *
 * Source: socket(7) SO_ATTACH_FILTER; linux/filter.h, SKF_AD_PKTTYPE; linux/if_packet.h.
 */

import { SOL_SOCKET } from "./c_numbers.ts";
import { libc } from "./libc.ts";

const SO_ATTACH_FILTER = 26;

const UNLESS_BROADCAST: readonly (readonly [number, number, number, number])[] = [
  [0x30, 0, 0, 0xffff_f004], // load the packet type: BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE
  [0x15, 0, 1, 1], // unless it is PACKET_BROADCAST, skip one: BPF_JMP | BPF_JEQ
  [0x06, 0, 0, 0], // drop: BPF_RET
  [0x06, 0, 0, 0xffff_ffff], // accept whole
];
const SOCK_FILTER_BYTES = 8;
const SOCK_FPROG_BYTES = 16;

/**
 * Refuses broadcasts before they are queued. Receivers have to check the destination all the same:
 * the kernel may refuse the filter, and a broadcast may come as link-layer unicast. An adopted socket
 * gets no filter, since the next program that inherits it may need broadcasts.
 */
export function refuseBroadcasts(fd: number): void {
  // The instructions lie behind the structure that points to them, so that both live as long.
  const program = new Uint8Array(SOCK_FPROG_BYTES + UNLESS_BROADCAST.length * SOCK_FILTER_BYTES);
  const view = new DataView(program.buffer);
  const address = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(program)));
  view.setUint16(0, UNLESS_BROADCAST.length, true);
  view.setBigUint64(8, address + BigInt(SOCK_FPROG_BYTES), true);
  UNLESS_BROADCAST.forEach(([code, ifTrue, ifFalse, operand], i) => {
    const at = SOCK_FPROG_BYTES + i * SOCK_FILTER_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, operand, true);
  });
  libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, SOCK_FPROG_BYTES);
}
