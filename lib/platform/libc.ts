/**
 * C library bindings for what Deno lacks: the table of functions, error reporting, and name
 * look-ups. The library is opened on first use. No address leaves this file. Wrappers for ids and
 * descriptors are in `credentials.ts` and `descriptors.ts`.
 *
 * Addresses are numbers, dereferenced by memcpy: Deno's own pointer functions need, on each call, a
 * permission that is given up after setup (`permissions.ts`).
 *
 * Structures and constants are those of 64-bit Linux with glibc, x86-64 and arm64. The variadic prctl,
 * open and fcntl get their arguments in the registers of a normal call on both machines.
 */

import { SOCK_DGRAM } from "./c_numbers.ts";
import { ERRNO_NAMES } from "./errno_names.ts";
import { openLibrary } from "./library.ts";
import { canUsePool, openThreads } from "./threads.ts";

const SYMBOLS = {
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  // ssize_t, but never larger here.
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  // For system calls without a function in every glibc: fstat has one only from 2.33 on. The two
  // further ones are getdents64(2) and statx(2).
  syscall: { parameters: ["i64", "i64", "buffer"], result: "i32" },
  getdents64: { name: "syscall", parameters: ["i64", "i64", "buffer", "i64"], result: "i64" },
  statx: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "i32", "u32", "buffer"],
    result: "i32",
  },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  sync_file_range: { parameters: ["i32", "i64", "i64", "u32"], result: "i32" },
  fdatasync: { parameters: ["i32"], result: "i32" },
  fsync: { parameters: ["i32"], result: "i32" },
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  rename: { parameters: ["buffer", "buffer"], result: "i32" },
  getgroups: { parameters: ["i32", "buffer"], result: "i32" },
  malloc_trim: { parameters: ["usize"], result: "i32" },
  madvise: { parameters: ["usize", "usize", "i32"], result: "i32" },
  unlink: { parameters: ["buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i64" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i64" },
  // ssize_t, but no datagram is longer, and a number is faster than a bigint.
  recvfrom: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // char *: the buffer, or 0.
  if_indextoname: { parameters: ["u32", "buffer"], result: "usize" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const GETADDRINFO = {
  parameters: ["buffer", "buffer", "buffer", "buffer"],
  result: "i32",
} as const;
const GETNAMEINFO = {
  parameters: ["buffer", "u32", "buffer", "u32", "buffer", "u32", "i32"],
  result: "i32",
} as const;

/** Functions that take or return addresses, and functions that run on a thread. */
const ADDRESS_SYMBOLS = {
  __errno_location: { parameters: [], result: "u64" },
  memcpy: { parameters: ["buffer", "u64", "usize"], result: "void" },
  strlen: { parameters: ["u64"], result: "usize" },
  strerror: { parameters: ["i32"], result: "u64" },
  getaddrinfo: { ...GETADDRINFO, nonblocking: true },
  getaddrinfo_numeric: { ...GETADDRINFO, name: "getaddrinfo" },
  freeaddrinfo: { parameters: ["u64"], result: "void" },
  getnameinfo: { ...GETNAMEINFO, nonblocking: true },
  getnameinfo_numeric: { ...GETNAMEINFO, name: "getnameinfo" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Functions called for each message, or for each file of a long list. */
// deno-fmt-ignore
const QUICK = [
  "open", "close", "read", "write", "syscall", "statx", "send", "recv", "recvfrom", "sendto",
  "recvmsg", "sendmsg",
] as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS & typeof ADDRESS_SYMBOLS>["symbols"];

let opened: Library | undefined;

function library(): Library {
  if (opened === undefined) {
    opened = openLibrary("libc.so.6", { ...SYMBOLS, ...ADDRESS_SYMBOLS }, { quick: QUICK }).symbols;
    openThreads(); // while the permission is still held
  }
  return opened;
}

/** Functions without addresses. Negative results are failures: see {@link checked}. */
export function libc(): Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] {
  return library();
}

const PERMISSION_HELP =
  " (allow it in the filter of system calls, SystemCallFilter= or seccomp(2))";

/** Failed C library call; the message begins like `setgroups: EPERM`. */
export class LibcError extends Error {
  override readonly name = "LibcError";
  /** Name of the error; `errno 123` for rare ones. */
  readonly code: string;
  constructor(call: string, errno: number) {
    const code = ERRNO_NAMES[errno] ?? `errno ${errno}`;
    super(`${call}: ${code}${code === "EPERM" ? PERMISSION_HELP : ""}`);
    this.code = code;
  }
}

/**
 * Checks the result of the preceding call on this thread.
 *
 * @throws {LibcError} When it is negative.
 */
export function checked<T extends number | bigint>(call: string, result: T): T {
  if (result >= 0) return result;
  throw new LibcError(call, lastErrno());
}

/** errno(3) of the preceding call on this thread. */
export function lastErrno(): number {
  return new Int32Array(copied(library().__errno_location(), 4).buffer)[0]!;
}

/** Error of the preceding call on this thread, in Deno's wording. */
export function lastSystemError(): Error {
  const errno = lastErrno();
  return new Error(`${textAt(library().strerror(errno))} (os error ${errno})`);
}

/** Copy of the bytes at an address. */
function copied(address: bigint, bytes: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  library().memcpy(copy, address, BigInt(bytes));
  return copy;
}

/** NUL-terminated text. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TypeError("Cannot pass text with a NUL character to C");
  return new TextEncoder().encode(`${text}\0`);
}

// ---- names ----------------------------------------------------------------------------------------

/** Look-up results that are distinguished; 0 is success. Source: netdb.h of glibc. */
export const EAI = { NONAME: -2, AGAIN: -3, FAIL: -4, NODATA: -5, SYSTEM: -11 } as const;

const AI_CANONNAME = 2;
const AI_NUMERICHOST = 4;
const NI_NUMERICHOST = 1;
const NI_NAMEREQD = 8;
const NI_MAXHOST_BYTES = 1025;

/** Names that can be looked up: printable ASCII without blanks. A NUL would truncate a name. */
const LOOKABLE = /^[\x21-\x7e]+$/;

/** Buffers of calls in progress on threads, protected from the garbage collector. */
const inUse = new Set<readonly unknown[]>();

/** struct addrinfo with only flags and socket type; one type yields each address once. */
function hints(flags: number): Int32Array<ArrayBuffer> {
  return new Int32Array([flags, 0, SOCK_DGRAM, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/** Element of a result of getaddrinfo. */
interface AddressEntry {
  readonly sockaddr: Uint8Array<ArrayBuffer>;
  /** Undefined except in the first element. */
  readonly canonicalName: string | undefined;
}

const ADDRINFO_BYTES = 48;

/** Iterates a result of getaddrinfo; on 64 bits ai_addrlen@16, ai_addr@24, ai_canonname@32, ai_next@40. */
function* entriesOf(list: bigint): Generator<AddressEntry> {
  for (let address = list; address !== 0n;) {
    const { buffer } = copied(address, ADDRINFO_BYTES);
    const [, , , sockaddr, name, next] = new BigUint64Array(buffer);
    const sockaddrBytes = new Uint32Array(buffer)[4]!;
    if (sockaddr !== 0n) {
      yield {
        sockaddr: copied(sockaddr!, sockaddrBytes),
        canonicalName: name === 0n ? undefined : textAt(name!),
      };
    }
    address = next!;
  }
}

/** C text at an address. */
function textAt(address: bigint): string {
  return new TextDecoder().decode(copied(address, Number(library().strlen(address))));
}

function textBeforeNul(buffer: Uint8Array): string {
  return String.fromCharCode(...buffer.subarray(0, buffer.indexOf(0)));
}

/** Reads the result of getaddrinfo with `read`, and always frees it. */
function readList<T>(list: BigUint64Array, read: (list: bigint) => T): T {
  const address = list[0]!;
  try {
    return read(address);
  } finally {
    if (address !== 0n) library().freeaddrinfo(address);
  }
}

/**
 * Addresses of a name, in the C library's order, from the hosts file, DNS and other sources in
 * nsswitch.conf. Link-local addresses have their `%scope`. The call occupies one of Deno's 32
 * threads, so limit concurrency.
 *
 * @returns `code` 0, or one of {@link EAI}.
 */
export async function addressesOfName(
  name: string,
): Promise<{ code: number; canonicalName?: string; addresses?: string[] }> {
  if (!LOOKABLE.test(name)) return { code: EAI.NONAME };
  if (!canUsePool()) return { code: EAI.AGAIN };
  const list = new BigUint64Array(1);
  const buffers = [cString(name), hints(AI_CANONNAME), list] as const;
  inUse.add(buffers);
  const code = await library().getaddrinfo(buffers[0], null, buffers[1], list)
    .finally(() => inUse.delete(buffers));
  if (code !== 0) return { code };
  return readList(list, (first) => {
    let canonicalName = name;
    const addresses = new Set<string>();
    for (const { sockaddr, canonicalName: canonical } of entriesOf(first)) {
      canonicalName = canonical ?? canonicalName;
      const host = new Uint8Array(NI_MAXHOST_BYTES);
      const rc = library()
        .getnameinfo_numeric(sockaddr, sockaddr.length, host, host.length, null, 0, NI_NUMERICHOST);
      if (rc === 0) addresses.add(textBeforeNul(host));
    }
    return { code, canonicalName, addresses: [...addresses] };
  });
}

/** Socket address of a numeric address as the C library parses it: `127.2`, `fe80::1%eth0`. */
export function numericAddress(address: string): Uint8Array<ArrayBuffer> | undefined {
  if (!LOOKABLE.test(address)) return undefined;
  const list = new BigUint64Array(1);
  const code = library().getaddrinfo_numeric(cString(address), null, hints(AI_NUMERICHOST), list);
  if (code !== 0) return undefined;
  return readList(list, (first) => {
    for (const { sockaddr } of entriesOf(first)) return sockaddr;
    return undefined;
  });
}

/**
 * Name of a numeric address, IPv4 or IPv6, the latter with the `%scope` of a link-local address.
 * Threads as for {@link addressesOfName}.
 *
 * @returns `code` 0, or one of {@link EAI}: NONAME if there is no name, or the text is no address.
 */
export async function nameOfAddress(address: string): Promise<{ code: number; name?: string }> {
  const sockaddr = numericAddress(address);
  if (sockaddr === undefined) return { code: EAI.NONAME };
  if (!canUsePool()) return { code: EAI.AGAIN };
  const host = new Uint8Array(NI_MAXHOST_BYTES);
  const buffers = [sockaddr, host] as const;
  inUse.add(buffers);
  const code = await library()
    .getnameinfo(sockaddr, sockaddr.length, host, host.length, null, 0, NI_NAMEREQD)
    .finally(() => inUse.delete(buffers));
  return code === 0 ? { code, name: textBeforeNul(host) } : { code };
}
