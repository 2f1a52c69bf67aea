/**
 * Plays any number of IPv4 peers. One process answers for all addresses routed to it, each datagram
 * from the address that was asked: as portmapper (port 111) and as NSM, over UDP. A third socket plays
 * a DNS server. It knows `hN.`, with any suffix, as the address N behind 127.4.0.0, and ignores all
 * other questions. Run it in a network namespace:
 *
 *     deno run -A many_peers.ts
 *
 * It prints `ready` once it answers. The address of a peer determines its behaviour:
 *
 * | address      | behaviour                                        |
 * | ------------ | ------------------------------------------------ |
 * | 127.2.0.0/16 | silent                                           |
 * | 127.3.0.0/16 | has no NSM: GETPORT answers 0                    |
 * | any other    | healthy                                          |
 *
 * Commands on standard input get one line as an answer:
 *
 * - `count`: number of peers that received the last form of a name (the form without a dot), time of
 *   the last such notice, and time of the first datagram; times are ms since 1970 with three decimals.
 * - `report`: what each peer has received, as JSON.
 * - `forget`: `forgotten`; all counts begin anew.
 *
 * It is not the bottleneck of a measurement. System calls are made without the event loop, in batches
 * until the sockets are empty, and take 3 to 4 µs per datagram and answer. The receive buffers hold ten
 * thousand datagrams, so that losses happen on the other side.
 */

import { AF_INET, MSG_DONTWAIT, SOCK_DGRAM, SOL_SOCKET } from "../../lib/platform/c_numbers.ts";

const PORTMAP_PORT = 111;
/** Above the reserved ports, since programs on this host send from those. */
const NSM_PORT = 4_900;
const DNS_PORT = 53;
const RECEIVE_BUFFER_BYTES = 64 << 20;

const SO_RCVBUFFORCE = 33;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const POLLIN = 1;

const PMAP_PROG = 100000;
const SM_PROG = 100024;
const GETPORT = 3;
const SM_NOTIFY = 6;
/** Offset of the arguments in a call with AUTH_NONE. */
const ARGUMENTS = 40;

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i64" },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i64" },
}).symbols;

/** Messages received by one peer. */
interface Received {
  queries: number;
  /** `NAME STATE` of each notice. */
  readonly notices: string[];
  /** Source address of each notice. */
  readonly sources: string[];
}

const received = new Map<string, Received>();
let completed = 0;
let completedAt = 0;
let begunAt = 0;

/** Datagram and its source: `struct msghdr` and the buffers it points to. */
const from = new Uint8Array(16);
const data = new Uint8Array(4096);
const control = new Uint8Array(64);
const vector = new BigUint64Array([address(data), BigInt(data.length)]);
const message = new DataView(new ArrayBuffer(56));
const messageBytes = new Uint8Array(message.buffer);
const view = new DataView(data.buffer);
/**
 * Offsets in the control data: behind the header are interface index, local address, and
 * destination address.
 */
const [INTERFACE, OWN_ADDRESS, ASKED_ADDRESS, CONTROL_BYTES] = [16, 20, 24, 32];

function address(bytes: Uint8Array | BigUint64Array): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>)));
}

function prepare(controlBytes: number): void {
  message.setBigUint64(0, address(from), true);
  message.setUint32(8, from.length, true);
  message.setBigUint64(16, address(vector), true);
  message.setBigUint64(24, 1n, true);
  message.setBigUint64(32, address(control), true);
  message.setBigUint64(40, BigInt(controlBytes), true);
}

function open(port: number): number {
  const fd = libc.socket(AF_INET, SOCK_DGRAM, 0);
  const local = new Uint8Array(16);
  local.set([AF_INET, 0, port >> 8, port & 0xff]);
  libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, new Int32Array([RECEIVE_BUFFER_BYTES]), 4);
  libc.setsockopt(fd, IPPROTO_IP, IP_PKTINFO, new Int32Array([1]), 4);
  if (libc.bind(fd, local, local.length) !== 0) throw new Error(`Cannot bind port ${port}`);
  return fd;
}

/** Answers all datagrams in a socket's queue. */
function drain(fd: number, answer: (length: number) => number): void {
  for (;;) {
    prepare(control.length);
    const length = Number(libc.recvmsg(fd, messageBytes, MSG_DONTWAIT));
    if (length < 0) return;
    const answerLength = answer(length);
    if (answerLength === 0) continue;
    control.fill(0, INTERFACE, INTERFACE + 4);
    control.copyWithin(OWN_ADDRESS, ASKED_ADDRESS, ASKED_ADDRESS + 4);
    vector[1] = BigInt(answerLength);
    prepare(CONTROL_BYTES);
    libc.sendmsg(fd, messageBytes, 0);
    vector[1] = BigInt(data.length);
  }
}

/** Replaces the call in `data` by its reply; returns the reply's length, 0 for none. */
function answer(length: number): number {
  if (length < ARGUMENTS) return 0;
  const own = control.subarray(ASKED_ADDRESS, ASKED_ADDRESS + 4).join(".");
  let peer = received.get(own);
  if (received.size === 0) begunAt = now();
  if (peer === undefined) received.set(own, peer = { queries: 0, notices: [], sources: [] });
  const [program, procedure] = [view.getUint32(12), view.getUint32(20)];
  const isQuery = program === PMAP_PROG && procedure === GETPORT;
  if (isQuery) peer.queries++;
  if (program === SM_PROG && procedure === SM_NOTIFY) take(peer, notice());
  if (own.startsWith("127.2.")) return 0;
  view.setUint32(4, 1); // REPLY, MSG_ACCEPTED, no verifier, SUCCESS
  data.fill(0, 8, 24);
  if (!isQuery) return 24;
  view.setUint32(24, own.startsWith("127.3.") ? 0 : NSM_PORT);
  return 28;
}

/** Replaces a DNS query in `data` by its reply; returns the reply's length, 0 for none. */
function answerQuestion(length: number): number {
  const host = String.fromCharCode(...data.subarray(13, 13 + data[12]!));
  if (length < 17 || !/^h\d+$/.test(host)) return 0;
  let at = 12;
  while (data[at]! > 0) at += 1 + data[at]!;
  const [type, end] = [view.getUint16(at + 1), at + 5];
  const number = Number(host.slice(1));
  data.set([0x81, 0x80, 0, 1, 0, type === 1 ? 1 : 0, 0, 0, 0, 0], 2);
  if (type !== 1) return end;
  data.set([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 4, number >> 8, number & 255], end);
  return end + 16;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function notice(): string {
  const nameLength = view.getUint32(ARGUMENTS);
  const start = ARGUMENTS + 4;
  const name = String.fromCharCode(...data.subarray(start, start + nameLength));
  return `${name} ${view.getInt32(start + ((nameLength + 3) & ~3))}`;
}

function take(peer: Received, text: string): void {
  const isLast = !text.includes(".");
  if (isLast && peer.notices.every((earlier) => earlier.includes("."))) {
    completed++;
    completedAt = now();
  }
  peer.notices.push(text);
  peer.sources.push(from.subarray(4, 8).join("."));
}

function obey(command: string): string {
  switch (command) {
    case "count":
      return [completed, completedAt.toFixed(3), begunAt.toFixed(3)].join(" ");
    case "report":
      return JSON.stringify([...received]);
    case "forget":
      received.clear();
      completed = 0;
      return "forgotten";
    default:
      return `"${command}" is no command`;
  }
}

/** Executes the commands received; returns false at the end of input. */
function readCommands(): boolean {
  const length = Deno.stdin.readSync(data);
  if (length === null) return false;
  for (const line of new TextDecoder().decode(data.subarray(0, length)).trim().split("\n")) {
    say(obey(line));
  }
  return true;
}

function say(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

if (import.meta.main) {
  const polled = [open(PORTMAP_PORT), open(NSM_PORT), open(DNS_PORT), 0];
  say("ready");
  const table = new DataView(new ArrayBuffer(8 * polled.length));
  polled.forEach((fd, i) => {
    table.setInt32(8 * i, fd, true);
    table.setInt16(8 * i + 4, POLLIN, true);
  });
  for (;;) {
    libc.poll(new Uint8Array(table.buffer), BigInt(polled.length), -1);
    for (const fd of polled.slice(0, 2)) drain(fd, answer);
    drain(polled[2]!, answerQuestion);
    if (table.getInt16(8 * 3 + 6, true) !== 0 && !readCommands()) break;
  }
}
