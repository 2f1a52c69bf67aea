/**
 * Socket activation: descriptors from a service manager, LISTEN_FDS of them starting at 3, for the
 * process LISTEN_PID.
 *
 * Deno cannot adopt a listening socket. So a Deno listener is opened, and its descriptor is
 * redirected to the handed-over socket (dup3). Deno polls descriptors by epoll, which forgets a
 * file with its last descriptor. So the new file is registered with the old one's event mask and
 * data word, by which Deno finds its listener.
 *
 * ```
 * /proc/self/fdinfo/EPOLL   tfd: FD events: HEX data: HEX …       one line for each registration
 * struct epoll_event        events (4 bytes), data (8 bytes)      packed on x86-64, data at 8 on arm64
 * ```
 *
 * Source: sd_listen_fds(3), epoll_ctl(2), proc(5).
 */

import { AF_INET6, AF_UNIX, F_SETFL, O_NONBLOCK } from "./c_numbers.ts";
import { closeDescriptor, duplicate, getSocketOption, openNumbers } from "./descriptors.ts";
import { checked, libc } from "./libc.ts";
import { openLibrary } from "./library.ts";
import { MACHINE } from "./machine.ts";
import { withDescriptor } from "./opened_socket.ts";
import { readableText } from "./small_files.ts";

/** First descriptor handed over (SD_LISTEN_FDS_START). */
const FIRST = 3;
/** Limit of descriptors; rpcbind's socket unit has six. */
const TAKEN_MAX = 64;

/** Kinds by SO_TYPE. */
const KINDS: Readonly<Record<number, "stream" | "datagram">> = { 1: "stream", 2: "datagram" };
const SOCKADDR_BYTES = 128; // sockaddr_storage

const F_SETFD = 2;
const FD_CLOEXEC = 1;

const EPOLL_CTL_ADD = 1;
const DATA_AT = MACHINE.epollData;

/** Socket handed over. */
export interface HandedOver {
  readonly fd: number;
  readonly family: "unix" | "internet";
  readonly kind: "stream" | "datagram";
  /** Its struct sockaddr, with the length from getsockname(2). */
  readonly name: Uint8Array<ArrayBuffer>;
}

/** Environment variables. */
interface Variables {
  get(name: string): string | undefined;
}

/**
 * Takes the sockets meant for this process, and sets close-on-exec. Call it before inherited
 * descriptors are closed.
 *
 * @throws {Error} When a descriptor cannot be served: it is no socket, or dual-stack.
 */
export function takeHandedOver(variables: Variables): HandedOver[] {
  if (Number(variables.get("LISTEN_PID")) !== Deno.pid) return [];
  const count = Number(variables.get("LISTEN_FDS"));
  if (!Number.isInteger(count) || count < 0 || count > TAKEN_MAX) {
    throw new Error(`Cannot take LISTEN_FDS=${count} sockets: at most ${TAKEN_MAX}`);
  }
  return Array.from({ length: count }, (_, i) => describe(FIRST + i));
}

function describe(fd: number): HandedOver {
  const name = new Uint8Array(SOCKADDR_BYTES);
  const length = new Uint32Array([name.length]);
  if (libc().getsockname(fd, name, length) < 0) {
    throw new Error(`Cannot serve descriptor ${fd}, which was passed on: it is not a socket`);
  }
  libc().fcntl(fd, F_SETFD, FD_CLOEXEC);
  const kind = KINDS[getSocketOption(fd, "SO_TYPE")];
  if (kind === undefined) {
    throw new Error(`Cannot serve descriptor ${fd}: only ListenStream= and ListenDatagram= are`);
  }
  if (name[0] === AF_INET6 && getSocketOption(fd, "IPV6_V6ONLY") === 0) {
    throw new Error(
      `Cannot serve descriptor ${fd}: an IPv6 socket has to be of IPv6 only, BindIPv6Only=ipv6-only`,
    );
  }
  const family = name[0] === AF_UNIX ? "unix" : "internet";
  return { fd, family, kind, name: name.slice(0, length[0]) };
}

/** Separate table: `libc.ts` is loaded by every program, and this function is needed by one. */
const SYMBOLS = {
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Makes a Deno listener accept from a handed-over socket; `fd` is closed, and a duplicate returned.
 *
 * @param listen Opens a listener of its family, at any address.
 * @throws {Error} When Deno does not poll it as expected.
 */
export function listenerOn<L extends Deno.Listener>(
  fd: number,
  listen: () => L,
): { readonly listener: L; readonly fd: number } {
  const { opened: listener, fd: own } = withDescriptor(listen);
  try {
    const found = registrationOf(own);
    if (found === undefined) throw new Error("the runtime does not poll it");
    checked("fcntl", libc().fcntl(fd, F_SETFL, O_NONBLOCK));
    duplicate(fd, own, false);
    const { epoll, event } = found;
    const library = openLibrary("libc.so.6", SYMBOLS);
    checked("epoll_ctl", library.symbols.epoll_ctl(epoll, EPOLL_CTL_ADD, own, event));
    library.close();
    closeDescriptor(fd);
    return { listener, fd: own };
  } catch (error) {
    listener.close();
    throw new Error(`Cannot take the socket of descriptor ${fd}`, { cause: error });
  }
}

/** epoll descriptor that polls a descriptor, and its struct epoll_event. */
function registrationOf(
  fd: number,
): { epoll: number; event: Uint8Array<ArrayBuffer> } | undefined {
  const line = new RegExp(`^tfd:\\s*${fd} events:\\s*([0-9a-f]+) data:\\s*([0-9a-f]+)`, "m");
  for (const epoll of openNumbers()) {
    const found = line.exec(readableText(`/proc/self/fdinfo/${epoll}`) ?? "");
    if (found === null) continue;
    const event = new Uint8Array(DATA_AT + 8);
    const view = new DataView(event.buffer);
    view.setUint32(0, Number.parseInt(found[1]!, 16), true);
    view.setBigUint64(DATA_AT, BigInt(`0x${found[2]}`), true);
    return { epoll, event };
  }
  return undefined;
}
