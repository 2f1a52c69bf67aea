/**
 * The C library, for what Deno has no word for: the one table of calls, how a failure is reported, and
 * the look-up of names. The library is opened at the first call. No address leaves this file. Calls about
 * ids and descriptors have their wrappers in `credentials.ts` and `descriptors.ts`.
 *
 * Addresses are numbers, and what is there is copied out by memcpy: the runtime's own functions for
 * pointers ask for a permission each time that is given up once everything is set up (`permissions.ts`).
 *
 * Structures and constants are those of 64-bit Linux with glibc, x86-64 and arm64. prctl, open and
 * fcntl are variadic in C: on both machines integers and pointers go into the same registers either way.
 */

import { canStartThread, openThreads } from "./threads.ts";

const SYMBOLS = {
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  // ssize_t, but no more is read or written at once.
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  // For system calls that have no function in every glibc: fstat has one from 2.33 on only.
  syscall: { parameters: ["i64", "i64", "buffer"], result: "i32" },
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
  // getdents64(2), for which older C libraries have no name.
  getdents64: { name: "syscall", parameters: ["i64", "i64", "buffer", "i64"], result: "i64" },
  malloc_trim: { parameters: ["usize"], result: "i32" },
  unlink: { parameters: ["buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i64" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i64" },
  // ssize_t, but no datagram is longer, and a number is quicker than a bigint.
  recvfrom: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // char *, which is the buffer or 0.
  if_indextoname: { parameters: ["u32", "buffer"], result: "usize" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Calls that take or return addresses, and calls that wait on a thread of their own. */
const ADDRESS_SYMBOLS = {
  __errno_location: { parameters: [], result: "u64" },
  memcpy: { parameters: ["buffer", "u64", "usize"], result: "void" },
  strlen: { parameters: ["u64"], result: "usize" },
  strerror: { parameters: ["i32"], result: "u64" },
  getaddrinfo: {
    parameters: ["buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  getaddrinfo_numeric: {
    name: "getaddrinfo",
    parameters: ["buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  freeaddrinfo: { parameters: ["u64"], result: "void" },
  getnameinfo: {
    parameters: ["buffer", "u32", "buffer", "u32", "buffer", "u32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  getnameinfo_numeric: {
    name: "getnameinfo",
    parameters: ["buffer", "u32", "buffer", "u32", "buffer", "u32", "i32"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

type Library = Deno.DynamicLibrary<typeof SYMBOLS & typeof ADDRESS_SYMBOLS>["symbols"];

let opened: Library | undefined;

function library(): Library {
  if (opened === undefined) {
    opened = Deno.dlopen("libc.so.6", { ...SYMBOLS, ...ADDRESS_SYMBOLS }).symbols;
    openThreads(); // with the permission that is given up later
  }
  return opened;
}

/** The calls that know no addresses. Numbers below 0 are failures: see {@link checked}. */
export function libc(): Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] {
  return library();
}

// deno-fmt-ignore
const ERRNO_NAMES: Readonly<Record<number, string>> = {
  1: "EPERM", 2: "ENOENT", 3: "ESRCH", 4: "EINTR", 5: "EIO", 6: "ENXIO", 9: "EBADF", 11: "EAGAIN",
  12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST", 19: "ENODEV", 20: "ENOTDIR",
  21: "EISDIR", 22: "EINVAL", 23: "ENFILE", 24: "EMFILE", 30: "EROFS", 32: "EPIPE",
  36: "ENAMETOOLONG", 38: "ENOSYS", 40: "ELOOP", 88: "ENOTSOCK", 89: "EDESTADDRREQ", 90: "EMSGSIZE",
  91: "EPROTOTYPE", 92: "ENOPROTOOPT", 95: "EOPNOTSUPP", 97: "EAFNOSUPPORT", 98: "EADDRINUSE",
  99: "EADDRNOTAVAIL", 100: "ENETDOWN", 101: "ENETUNREACH", 103: "ECONNABORTED", 104: "ECONNRESET",
  105: "ENOBUFS", 106: "EISCONN", 107: "ENOTCONN", 110: "ETIMEDOUT", 111: "ECONNREFUSED",
  112: "EHOSTDOWN", 113: "EHOSTUNREACH", 114: "EALREADY", 115: "EINPROGRESS",
};

const PERMISSION_HELP =
  " (allow it in the filter of system calls, SystemCallFilter= or seccomp(2))";

/** A call of the C library that failed; the message begins with `setgroups: EPERM`. */
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
 * The result of a call made just before, on this thread, whose errno nothing has disturbed since.
 *
 * @throws {LibcError} When it is below 0.
 */
export function checked<T extends number | bigint>(call: string, result: T): T {
  if (result >= 0) return result;
  throw new LibcError(call, lastErrno());
}

/** Why a call made just before, on this thread, has failed, as the number of errno(3). */
export function lastErrno(): number {
  return new Int32Array(copied(library().__errno_location(), 4).buffer)[0]!;
}

/** Why a call made just before, on this thread, has failed, in the words that the runtime has for it. */
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

/** Text as C has it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TypeError("Cannot pass text with a NUL character to C");
  return new TextEncoder().encode(`${text}\0`);
}

// ---- names ----------------------------------------------------------------------------------------

/** Results of name look-ups that are told apart; 0 is success. Source: netdb.h of glibc. */
export const EAI = { NONAME: -2, AGAIN: -3, FAIL: -4, NODATA: -5, SYSTEM: -11 } as const;

const AI_CANONNAME = 2;
const AI_NUMERICHOST = 4;
const NI_NUMERICHOST = 1;
const NI_NAMEREQD = 8;
const NI_MAXHOST_BYTES = 1025;
const SOCK_DGRAM = 2;

/** Names that can be looked up: printable ASCII without blanks. A NUL would cut a name short. */
const LOOKABLE = /^[\x21-\x7e]+$/;

/** Buffers of calls under way on threads of the pool, which the garbage collector must not take. */
const inUse = new Set<readonly unknown[]>();

/** struct addrinfo with nothing but flags and socket type; one type gives each address once. */
function hints(flags: number): Int32Array<ArrayBuffer> {
  return new Int32Array([flags, 0, SOCK_DGRAM, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/** One element of a result of getaddrinfo. */
interface AddressEntry {
  readonly sockaddr: Uint8Array<ArrayBuffer>;
  /** Undefined in all but the first. */
  readonly canonicalName: string | undefined;
}

const ADDRINFO_BYTES = 48;

/** Walks a result of getaddrinfo: on 64 bits ai_addrlen@16, ai_addr@24, ai_canonname@32, ai_next@40. */
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

/** Text of C at an address. */
function textAt(address: bigint): string {
  return new TextDecoder().decode(copied(address, Number(library().strlen(address))));
}

function textBeforeNul(buffer: Uint8Array): string {
  return String.fromCharCode(...buffer.subarray(0, buffer.indexOf(0)));
}

/** Reads the result of getaddrinfo with `read` and frees it, whatever happens. */
function readList<T>(list: BigUint64Array, read: (list: bigint) => T): T {
  const address = list[0]!;
  try {
    return read(address);
  } finally {
    if (address !== 0n) library().freeaddrinfo(address);
  }
}

/**
 * Addresses of a name, in the order of the C library, by hosts file, DNS and whatever nsswitch.conf
 * says. Link-local addresses carry their `%scope`. It takes one of the runtime's 32 threads meanwhile,
 * so limit how many run at a time.
 *
 * @returns `code` 0, or one of {@link EAI}.
 */
export async function addressesOfName(
  name: string,
): Promise<{ code: number; canonicalName?: string; addresses?: string[] }> {
  if (!LOOKABLE.test(name)) return { code: EAI.NONAME };
  if (!canStartThread()) return { code: EAI.AGAIN };
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

/** The socket address of a numeric address as the C library reads it: `127.2`, `fe80::1%eth0`. */
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
 * Name of a numeric address, IPv4 or IPv6, the latter with `%scope` where it is link-local. Threads as
 * for {@link addressesOfName}.
 *
 * @returns `code` 0, or one of {@link EAI}: NONAME where there is no name, or the text is no address.
 */
export async function nameOfAddress(address: string): Promise<{ code: number; name?: string }> {
  const sockaddr = numericAddress(address);
  if (sockaddr === undefined) return { code: EAI.NONAME };
  if (!canStartThread()) return { code: EAI.AGAIN };
  const host = new Uint8Array(NI_MAXHOST_BYTES);
  const buffers = [sockaddr, host] as const;
  inUse.add(buffers);
  const code = await library()
    .getnameinfo(sockaddr, sockaddr.length, host, host.length, null, 0, NI_NAMEREQD)
    .finally(() => inUse.delete(buffers));
  return code === 0 ? { code, name: textBeforeNul(host) } : { code };
}
