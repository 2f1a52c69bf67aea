/**
 * File descriptors by number, for operations that Deno's files and sockets lack. Descriptors opened
 * here are not inherited by started programs.
 *
 * Source: open(2), dup(2), unix(7), socket(7), ipv6(7).
 */

import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_CLOEXEC,
  O_RDWR,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "./c_numbers.ts";
import { checked, cString, libc, LibcError } from "./libc.ts";

/** Returns 0, or 1 if FD_CLOEXEC is set. */
const F_GETFD = 1;

const DESCRIPTORS = "/proc/self/fd";
/** Longest path. Source: limits.h of Linux. */
const PATH_MAX_BYTES = 4096;
/** Usual limit of open files: INR_OPEN_CUR of Linux. */
const USUAL_OPEN_MAX = 1024;
/** Highest standard descriptor. */
export const STDOUT = 1;
export const STDERR = 2;

/** Opens a file for reading and writing. */
export function openDescriptor(path: string): number {
  return checked(`open "${path}"`, libc().open(cString(path), O_RDWR | O_CLOEXEC, 0));
}

/** Closes a descriptor, ignoring errors. */
export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

/** Duplicates `fd` to `onto`. */
export function duplicate(fd: number, onto: number, isInherited: boolean): void {
  checked("dup3", libc().dup3(fd, onto, isInherited ? 0 : O_CLOEXEC));
}

const POLLOUT = 4;
/** Events that poll(2) reports without being asked: POLLERR, POLLHUP, POLLNVAL. */
const GONE = 0x38;

/** Whether nobody can read what is written to a descriptor: its pipe, socket or terminal was closed. */
export function isReaderGone(fd: number): boolean {
  const polled = new Int32Array([fd, 0]);
  return libc().poll(polled, 1n, 0) > 0 && ((polled[1]! >> 16) & GONE) !== 0;
}

/** Polls for writing, for at most `waitMs`; a writable pipe takes at least 4096 bytes. */
export function isWritable(fd: number, waitMs: number): boolean {
  // struct pollfd: revents is the upper half of the second word
  const polled = new Int32Array([fd, POLLOUT]);
  return libc().poll(polled, 1n, waitMs) > 0 && ((polled[1]! >> 16) & POLLOUT) !== 0;
}

/**
 * Numbers of all descriptors, and of some closed ones: that of the listing itself or, if listing
 * fails, all below the usual limit.
 */
export function openNumbers(): number[] {
  try {
    return Array.from(Deno.readDirSync(DESCRIPTORS), ({ name }) => Number(name));
  } catch {
    return Array.from({ length: USUAL_OPEN_MAX }, (_, fd) => fd);
  }
}

/**
 * Open descriptors of this process, with their targets in /proc/self/fd. Deno lists that directory,
 * but reads no links there after a permission was given up; see `permissions.ts`.
 */
export function openDescriptors(): { fd: number; target: string }[] {
  const open: { fd: number; target: string }[] = [];
  const target = new Uint8Array(PATH_MAX_BYTES);
  for (const fd of openNumbers()) {
    const link = cString(`${DESCRIPTORS}/${fd}`);
    const length = libc().readlink(link, target, BigInt(target.length));
    if (length < 0) continue; // closed
    open.push({ fd, target: new TextDecoder().decode(target.subarray(0, length)) });
  }
  return open;
}

/**
 * Closes inherited descriptors above 2, so that neither we after the privilege drop nor our
 * children can use the starter's open files. Call it before anything is opened. Deno's own
 * descriptors have close-on-exec set, which inherited ones have not.
 */
export function closeInheritedDescriptors(): void {
  for (const fd of openNumbers()) {
    if (fd > STDERR && libc().fcntl(fd, F_GETFD, 0) === 0) closeDescriptor(fd);
  }
}

const SUN_PATH_MAX_BYTES = 107;
const ENAMETOOLONG = 36;

const SO_SNDTIMEO = 21;

/**
 * Opens a datagram socket connected to a path, or to the abstract address `@name`. Sends wait for
 * room for at most `sendLimitMs`.
 *
 * @throws {LibcError} ENOENT, ECONNREFUSED when no process listens.
 */
export function connectUnixDatagram(address: string, sendLimitMs: number): number {
  const isAbstract = address.startsWith("@");
  const path = new TextEncoder().encode(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (path.length > SUN_PATH_MAX_BYTES) throw new LibcError("connect", ENAMETOOLONG);
  const name = new Uint8Array(2 + path.length);
  name[0] = AF_UNIX; // sa_family is in host byte order
  name.set(path, 2);
  const fd = checked("socket", libc().socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC, 0));
  const limit = new BigInt64Array([
    BigInt(Math.trunc(sendLimitMs / 1000)),
    BigInt(sendLimitMs % 1000 * 1000),
  ]); // struct timeval
  try {
    const rc = libc().setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, limit, limit.byteLength);
    checked("setsockopt(SO_SNDTIMEO)", rc);
    checked("connect", libc().connect(fd, name, name.length));
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/**
 * Sends one datagram on a connected socket, waiting for room if `mayWait`.
 *
 * @throws {LibcError} EAGAIN when there is no room, ECONNREFUSED when no process listens.
 */
export function sendDatagram(fd: number, bytes: Uint8Array<ArrayBuffer>, mayWait: boolean): void {
  const flags = MSG_NOSIGNAL | (mayWait ? 0 : MSG_DONTWAIT);
  checked("send", libc().send(fd, bytes, BigInt(bytes.length), flags));
}

/** Local end of an Internet socket. */
export interface BoundSocket {
  readonly transport: "udp" | "tcp";
  readonly port: number;
}

const TRANSPORTS: Readonly<Record<number, BoundSocket["transport"]>> = { 1: "tcp", 2: "udp" };

/** Local end of a descriptor; undefined if it is no Internet socket. */
export function boundSocket(fd: number): BoundSocket | undefined {
  const name = new Uint8Array(128); // sockaddr_storage
  if (libc().getsockname(fd, name, new Uint32Array([name.length])) < 0) return undefined;
  if (name[0] !== AF_INET && name[0] !== AF_INET6) return undefined;
  const transport = TRANSPORTS[getSocketOption(fd, "SO_TYPE")];
  if (transport === undefined) return undefined;
  return { transport, port: name[2]! << 8 | name[3]! };
}

/** Level and number of options with an int value. */
const OPTIONS = {
  SO_REUSEADDR: [SOL_SOCKET, 2],
  SO_REUSEPORT: [SOL_SOCKET, 15],
  SO_TYPE: [SOL_SOCKET, 3],
  SO_ACCEPTCONN: [SOL_SOCKET, 30],
  SO_RCVBUF: [SOL_SOCKET, 8],
  SO_RCVBUFFORCE: [SOL_SOCKET, 33],
  IP_PKTINFO: [0, 8],
  IP_FREEBIND: [0, 15],
  IP_MULTICAST_ALL: [0, 49],
  IPV6_V6ONLY: [41, 26],
  IPV6_FREEBIND: [41, 78],
  IPV6_MULTICAST_ALL: [41, 29],
  IPV6_RECVPKTINFO: [41, 49],
  TCP_USER_TIMEOUT: [6, 18],
} as const;

export function getSocketOption(fd: number, option: keyof typeof OPTIONS): number {
  const [level, name] = OPTIONS[option];
  const value = new Int32Array(1);
  const length = new Uint32Array([value.byteLength]);
  checked(`getsockopt(${option})`, libc().getsockopt(fd, level, name, value, length));
  return value[0]!;
}

export function setSocketOption(fd: number, option: keyof typeof OPTIONS, value: number): void {
  const [level, name] = OPTIONS[option];
  const data = new Int32Array([value]);
  checked(`setsockopt(${option})`, libc().setsockopt(fd, level, name, data, data.byteLength));
}
