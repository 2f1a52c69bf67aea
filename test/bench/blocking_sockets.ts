/**
 * Blocking sockets of the C library, for a process with a single task: no event loop adds to
 * measured times. A call costs 1 to 2 µs besides the system call.
 */

import {
  AF_INET,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../lib/platform/c_numbers.ts";

const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
/** Offset in the control message. */
const OWN_ADDRESS = 20;
const POLLIN = 1;
/** Room for ten thousand datagrams, so that losses happen on the other side only. */
const RECEIVE_BUFFER_BYTES = 64 << 20;
const LONGEST_BYTES = 65_536;

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "i32" },
  recvfrom: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"], result: "i32" },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
}).symbols;

/** IPv4 address and port as struct sockaddr_in. */
export function ipv4(address: string, port: number): Uint8Array<ArrayBuffer> {
  const name = new Uint8Array(16);
  name.set([AF_INET, 0, port >> 8, port & 0xff, ...address.split(".").map(Number)]);
  return name;
}

/** Socket whose calls block, for `waitMs` at most if given. */
export class BlockingSocket {
  /** Data of the last message received, at the beginning. */
  readonly buffer = new Uint8Array(LONGEST_BYTES);
  /** Source of the last datagram of {@link receiveFrom}, for {@link reply}. */
  readonly #from = new Uint8Array(16);
  readonly #fromLength = new Uint32Array([16]);

  private constructor(readonly fd: number) {}

  static udp(address = "127.0.0.1", port = 0, waitMs = 1_000): BlockingSocket {
    return BlockingSocket.#open(SOCK_DGRAM, ipv4(address, port), waitMs);
  }

  static tcp(to: string, port: number, waitMs = 1_000): BlockingSocket {
    const socket = BlockingSocket.#open(SOCK_STREAM, ipv4("127.0.0.1", 0), waitMs);
    libc.setsockopt(socket.fd, IPPROTO_TCP, TCP_NODELAY, new Int32Array([1]), 4);
    socket.connect(to, port);
    return socket;
  }

  static #open(type: number, local: Uint8Array<ArrayBuffer>, waitMs: number): BlockingSocket {
    const socket = new BlockingSocket(libc.socket(AF_INET, type, 0));
    libc.setsockopt(
      socket.fd,
      SOL_SOCKET,
      SO_RCVBUFFORCE,
      new Int32Array([RECEIVE_BUFFER_BYTES]),
      4,
    );
    const limit = new BigInt64Array([
      BigInt(Math.trunc(waitMs / 1000)),
      BigInt(waitMs % 1000 * 1000),
    ]);
    libc.setsockopt(socket.fd, SOL_SOCKET, SO_RCVTIMEO, limit, limit.byteLength);
    if (libc.bind(socket.fd, local, local.length) !== 0) throw new Error(`Cannot bind ${local}`);
    return socket;
  }

  get port(): number {
    const name = new Uint8Array(16);
    libc.getsockname(this.fd, name, new Uint32Array([name.length]));
    return name[2]! << 8 | name[3]!;
  }

  connect(to: string, port: number): void {
    const name = ipv4(to, port);
    if (libc.connect(this.fd, name, name.length) !== 0) {
      throw new Error(`Cannot connect to ${to} port ${port}`);
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>): number {
    return libc.send(this.fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL);
  }

  /** Number of bytes received; negative after a timeout. */
  receive(mayWait = true): number {
    return libc.recv(this.fd, this.buffer, BigInt(LONGEST_BYTES), mayWait ? 0 : MSG_DONTWAIT);
  }

  receiveFrom(mayWait = true): number {
    this.#fromLength[0] = this.#from.length;
    const flags = mayWait ? 0 : MSG_DONTWAIT;
    const length = BigInt(LONGEST_BYTES);
    return libc.recvfrom(this.fd, this.buffer, length, flags, this.#from, this.#fromLength);
  }

  /** Sends to the source of the last datagram. */
  reply(bytes: Uint8Array<ArrayBuffer>): void {
    libc.sendto(this.fd, bytes, BigInt(bytes.length), 0, this.#from, this.#from.length);
  }
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

/**
 * Sends from any address routed to this host: `struct msghdr` with one data buffer and one control
 * message, IP_PKTINFO, whose fields are interface, local address, and destination.
 */
export class AnySource {
  readonly #to: Uint8Array<ArrayBuffer>;
  readonly #vector = new BigUint64Array(2);
  readonly #control = new Uint8Array(32);
  readonly #message = new BigUint64Array(7);

  constructor(readonly socket: BlockingSocket, to: string, port: number) {
    this.#to = ipv4(to, port);
    new Uint32Array(this.#control.buffer).set([28, 0, IPPROTO_IP, IP_PKTINFO]);
    this.#message[0] = addressOf(this.#to);
    this.#message[1] = BigInt(this.#to.length);
    this.#message[2] = addressOf(new Uint8Array(this.#vector.buffer));
    this.#message[3] = 1n;
    this.#message[4] = addressOf(this.#control);
    this.#message[5] = BigInt(this.#control.length);
  }

  send(bytes: Uint8Array<ArrayBuffer>, from: string): void {
    this.#vector[0] = addressOf(bytes);
    this.#vector[1] = BigInt(bytes.length);
    this.#control.set(from.split(".").map(Number), OWN_ADDRESS);
    libc.sendmsg(this.socket.fd, new Uint8Array(this.#message.buffer), 0);
  }
}

/** Waits until a socket is readable, for `ms` at most; returns the number of readable sockets. */
export function poll(sockets: readonly BlockingSocket[], ms: number): number {
  const polled = new DataView(new ArrayBuffer(8 * sockets.length));
  sockets.forEach(({ fd }, i) => {
    polled.setInt32(8 * i, fd, true);
    polled.setInt16(8 * i + 4, POLLIN, true);
  });
  return libc.poll(new Uint8Array(polled.buffer), BigInt(sockets.length), ms);
}
