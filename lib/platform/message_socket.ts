/**
 * UDP sockets of our own, for what Deno lacks: an IPv6-only socket on `::`, the destination of each
 * datagram, and replies from that address. The kernel signals arrivals by SIGIO, so nothing is
 * polled while idle.
 *
 * ```
 * struct msghdr       name pointer, name length, iov pointer, iov length, control pointer, control length, flags
 * struct cmsghdr      length (8 bytes), level, type, data
 * struct in_pktinfo   interface, local address, header destination     (4 bytes each)
 * struct in6_pktinfo  header destination (16 bytes), interface (4)
 * ```
 *
 * Source: recvmsg(2), cmsg(3), ip(7) IP_PKTINFO, ipv6(7) and RFC 3542 section 6 IPV6_PKTINFO,
 * fcntl(2) F_SETOWN; layouts of 64-bit Linux on x86-64 and arm64.
 */

import {
  AF_INET,
  AF_INET6,
  F_SETFL,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_NONBLOCK,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from "./c_numbers.ts";
import { closeDescriptor, setSocketOption } from "./descriptors.ts";
import { lastErrno, lastSystemError, libc, LibcError } from "./libc.ts";
import { refuseBroadcasts } from "./packet_filter.ts";

const F_SETOWN = 8;
const O_ASYNC = 0o20000;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IP_PKTINFO = 8;
const IPV6_PKTINFO = 50;

const EAGAIN = 11;
/** Consecutive receive errors that may concern single datagrams. */
const ERRORS_IN_A_ROW_MAX = 16;

const SOCKADDR_BYTES = 28;
const MSGHDR_BYTES = 56;
/** Room for one control message, in bytes: a header of 16, and 20 of in6_pktinfo. */
const CONTROL_BYTES = 64;
const CMSG_HEADER_BYTES = 16;
/** cmsg_len and cmsg_space of each family's message. */
const CMSG_LENGTH = { ipv4: CMSG_HEADER_BYTES + 12, ipv6: CMSG_HEADER_BYTES + 20 } as const;
const CMSG_SPACE = { ipv4: CMSG_HEADER_BYTES + 16, ipv6: CMSG_HEADER_BYTES + 24 } as const;

/** Destination of a datagram. */
export interface Arrival {
  /** Destination address in its header, 4 or 16 bytes. */
  readonly destination: Uint8Array<ArrayBuffer>;
  /** Neither broadcast nor multicast. */
  readonly isUnicast: boolean;
  /** Interface index; 1 is loopback in every network namespace. */
  readonly interfaceIndex: number;
}

/** Arrival of a datagram with an unknown destination. */
const UNKNOWN: Arrival = { destination: new Uint8Array(0), isUnicast: false, interfaceIndex: 0 };

/** Options of a message socket. */
export interface MessageSocketOptions {
  readonly family: "ipv4" | "ipv6";
  /** struct sockaddr to bind to. Its address may be added to this host later, or only be routed here. */
  readonly name: Uint8Array<ArrayBuffer>;
  /** Accepts only datagrams from the loopback interface. */
  readonly isLoopbackOnly?: boolean;
  /** Shares the port with this user's sockets that have the option too, see socket_options.ts. */
  readonly sharesPort?: boolean;
  /** Longest datagram in both directions, in bytes. */
  readonly maxBytes: number;
}

export class MessageSocket {
  readonly #libc = libc();
  readonly #family: "ipv4" | "ipv6";
  /** struct sockaddr of the last datagram's source. */
  readonly source: Uint8Array<ArrayBuffer>;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #control = new Uint8Array(CONTROL_BYTES);
  readonly #received: Message;
  readonly #sent: Message;
  readonly #to = new Uint8Array(SOCKADDR_BYTES);
  readonly #data: Uint8Array<ArrayBuffer>;
  readonly #sentControl = new Uint8Array(CONTROL_BYTES);

  private constructor(
    readonly fd: number,
    { family, maxBytes }: Pick<MessageSocketOptions, "family" | "maxBytes">,
  ) {
    this.#family = family;
    this.#buffer = new Uint8Array(maxBytes);
    this.#data = new Uint8Array(maxBytes);
    this.source = new Uint8Array(SOCKADDR_BYTES);
    this.#received = new Message(this.source, this.#buffer, this.#control);
    this.#sent = new Message(this.#to, this.#data, this.#sentControl);
  }

  /**
   * Opens and binds a socket of one family.
   *
   * @throws {Error} With `code` EADDRINUSE, EACCES; EAFNOSUPPORT where the kernel has no such
   * family; EPERM where an old kernel lets only root choose the interface.
   */
  static open(options: MessageSocketOptions): MessageSocket {
    const domain = options.family === "ipv4" ? AF_INET : AF_INET6;
    const fd = libc().socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw errorWithCode("socket");
    try {
      if (options.family === "ipv6") setSocketOption(fd, "IPV6_V6ONLY", 1);
      setSocketOption(fd, options.family === "ipv6" ? "IPV6_FREEBIND" : "IP_FREEBIND", 1);
      askForDestinations(fd, options.family);
      if (options.isLoopbackOnly && !bindToLoopback(fd)) throw errorWithCode("setsockopt");
      if (options.family === "ipv4") refuseBroadcasts(fd);
      if (options.sharesPort) setSocketOption(fd, "SO_REUSEPORT", 1);
      if (libc().bind(fd, options.name, options.name.length) < 0) throw errorWithCode("bind");
      return new MessageSocket(fd, options);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  /** Adopts a bound socket of one family. @throws {LibcError} */
  static adopt(
    fd: number,
    options: Pick<MessageSocketOptions, "family" | "maxBytes">,
  ): MessageSocket {
    askForDestinations(fd, options.family);
    return new MessageSocket(fd, options);
  }

  /** Bound port. */
  get port(): number {
    const name = new Uint8Array(SOCKADDR_BYTES);
    this.#libc.getsockname(this.fd, name, new Uint32Array([name.length]));
    return name[2]! << 8 | name[3]!;
  }

  /** Makes this process the target of {@link signalArrivals}. @throws {LibcError} */
  ownSignals(): void {
    if (this.#libc.fcntl(this.fd, F_SETOWN, Deno.pid) < 0) {
      throw new LibcError("fcntl", lastErrno());
    }
  }

  /**
   * Enables or disables SIGIO for later datagrams. It has to be disabled during a flood, which
   * would interrupt its own handling.
   *
   * @throws {LibcError}
   */
  signalArrivals(isWanted: boolean): void {
    const flags = O_NONBLOCK | (isWanted ? O_ASYNC : 0);
    if (this.#libc.fcntl(this.fd, F_SETFL, flags) < 0) throw new LibcError("fcntl", lastErrno());
  }

  /**
   * Receives one datagram without waiting; undefined if there is none. Its bytes and {@link source}
   * are valid until the next call. Pending socket errors are skipped.
   */
  receive(): { readonly data: Uint8Array<ArrayBuffer>; readonly arrival: Arrival } | undefined {
    for (let attempt = 0; attempt < ERRORS_IN_A_ROW_MAX; attempt++) {
      this.#received.reset(SOCKADDR_BYTES, CONTROL_BYTES);
      const length = this.#libc.recvmsg(this.fd, this.#received.header, MSG_DONTWAIT);
      if (length >= 0) return { data: this.#buffer.subarray(0, length), arrival: this.#arrival() };
      if (lastErrno() === EAGAIN) return undefined;
    }
    return undefined;
  }

  /**
   * Sends one datagram from a local address; false if the kernel refuses it. `interfaceIndex` is
   * for a link-local source.
   */
  send(
    data: Uint8Array<ArrayBuffer>,
    to: Uint8Array<ArrayBuffer>,
    from: Uint8Array<ArrayBuffer>,
    interfaceIndex = 0,
  ): boolean {
    if (data.length > this.#data.length) return false;
    this.#to.set(to);
    this.#data.set(data);
    const family = this.#family;
    const view = new DataView(this.#sentControl.buffer);
    view.setBigUint64(0, BigInt(CMSG_LENGTH[family]), true);
    view.setInt32(8, family === "ipv4" ? IPPROTO_IP : IPPROTO_IPV6, true);
    view.setInt32(12, family === "ipv4" ? IP_PKTINFO : IPV6_PKTINFO, true);
    this.#sentControl.fill(0, CMSG_HEADER_BYTES);
    this.#sentControl.set(from, family === "ipv4" ? CMSG_HEADER_BYTES + 4 : CMSG_HEADER_BYTES);
    if (isLinkLocal(from)) view.setUint32(CMSG_HEADER_BYTES + 16, interfaceIndex, true);
    this.#sent.reset(to.length, CMSG_SPACE[family], data.length);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return this.#libc.sendmsg(this.fd, this.#sent.header, flags) === data.length;
  }

  close(): void {
    closeDescriptor(this.fd);
  }

  #arrival(): Arrival {
    const view = new DataView(this.#control.buffer);
    // Without control data the buffer holds the destination of an earlier datagram.
    if (this.#received.controlBytes < CMSG_LENGTH[this.#family]) return UNKNOWN;
    if (this.#family === "ipv6") {
      const destination = this.#control.slice(CMSG_HEADER_BYTES, CMSG_HEADER_BYTES + 16);
      const interfaceIndex = view.getUint32(CMSG_HEADER_BYTES + 16, true);
      return { destination, isUnicast: destination[0] !== 0xff, interfaceIndex };
    }
    const interfaceIndex = view.getUint32(CMSG_HEADER_BYTES, true);
    // For broadcast and multicast, the local address differs from the destination.
    const isUnicast = view.getUint32(CMSG_HEADER_BYTES + 4) ===
      view.getUint32(CMSG_HEADER_BYTES + 8);
    const destination = this.#control.slice(CMSG_HEADER_BYTES + 8, CMSG_HEADER_BYTES + 12);
    return { destination, isUnicast, interfaceIndex };
  }
}

/** Enables destination information, and refuses multicast. */
function askForDestinations(fd: number, family: "ipv4" | "ipv6"): void {
  setSocketOption(fd, family === "ipv6" ? "IPV6_RECVPKTINFO" : "IP_PKTINFO", 1);
  refuseMulticast(fd, family);
}

/** Refuses multicast (IP_MULTICAST_ALL); old kernels deliver it over IPv6 anyway. */
function refuseMulticast(fd: number, family: "ipv4" | "ipv6"): void {
  try {
    setSocketOption(fd, family === "ipv6" ? "IPV6_MULTICAST_ALL" : "IP_MULTICAST_ALL", 0);
  } catch (error) {
    if (!(error instanceof LibcError && error.code === "ENOPROTOOPT")) throw error;
  }
}

/**
 * struct msghdr with one data buffer. Buffers are fixed, so that their addresses are determined
 * once, while Deno still permits that.
 */
class Message {
  readonly header = new Uint8Array(MSGHDR_BYTES);
  readonly #view = new DataView(this.header.buffer);
  readonly #iov = new BigUint64Array(2);

  constructor(
    name: Uint8Array<ArrayBuffer>,
    readonly data: Uint8Array<ArrayBuffer>,
    readonly control: Uint8Array<ArrayBuffer>,
  ) {
    this.#view.setBigUint64(0, addressOf(name), true);
    this.#view.setBigUint64(16, addressOf(this.#iov), true);
    this.#view.setBigUint64(24, 1n, true);
    this.#view.setBigUint64(32, addressOf(control), true);
    this.#iov[0] = addressOf(data);
  }

  /** Resets the lengths, which the kernel overwrites; call it before each call. */
  reset(nameBytes: number, controlBytes: number, dataBytes = this.data.length): void {
    this.#view.setUint32(8, nameBytes, true);
    this.#view.setBigUint64(40, BigInt(controlBytes), true);
    this.#view.setInt32(48, 0, true);
    this.#iov[1] = BigInt(dataBytes);
  }

  /** Bytes of control messages written by the kernel. */
  get controlBytes(): number {
    return Number(this.#view.getBigUint64(40, true));
  }
}

function addressOf(buffer: Uint8Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}

/** Whether 16 bytes are an address of fe80::/10. */
function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
}

/** Error of the last call, with its text and code. */
function errorWithCode(call: string): Error {
  const { code } = new LibcError(call, lastErrno());
  return Object.assign(lastSystemError(), { code });
}

/**
 * Restricts a socket to the loopback interface; false if not permitted. Kernels before 5.7 permit
 * it only to root.
 */
export function bindToLoopback(fd: number): boolean {
  const name = new TextEncoder().encode("lo\0");
  return libc().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) === 0;
}
