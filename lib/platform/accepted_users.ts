/**
 * Peer credentials (SO_PEERCRED) of UNIX connections accepted by Deno, which does not expose their
 * descriptors. A descriptor is found by elimination: of all sockets with the listener's name, it is
 * the one that is new. Socket cookies (SO_COOKIE) distinguish it from an earlier socket with its
 * number.
 *
 * Source: unix(7) on SO_PEERCRED; socket(7) on SO_COOKIE and SO_ACCEPTCONN.
 */

import { AF_UNIX, SOL_SOCKET } from "./c_numbers.ts";
import { openNumbers } from "./descriptors.ts";
import { libc } from "./libc.ts";

const SO_PEERCRED = 17;
const SO_ACCEPTCONN = 30;
const SO_COOKIE = 57;
/** Offset of sun_path in struct sockaddr_un, in bytes. */
const NAME_AT = 2;
const SOCKADDR_UN_BYTES = 110;
/** Result if the user cannot be determined; no user has this id. */
const UNKNOWN_USER = -1;

/** Users of the connections that one listener accepts. */
export interface AcceptedUsers {
  /** Uid of the connection accepted last; negative if unknown. */
  next(): number;
}

/** Tracks the connections accepted under a name: a path, or an abstract `\0name`. */
export function acceptedUsers(name: string): AcceptedUsers {
  let known: ReadonlySet<bigint> = new Set();
  return {
    next() {
      const present = connectionsAt(name);
      const fresh = [...present].filter(([cookie]) => !known.has(cookie));
      known = new Set(present.keys());
      return fresh.length === 1 ? userOf(fresh[0]![1]) : UNKNOWN_USER;
    },
  };
}

/** Descriptors of connected sockets with a local name, by cookie. */
function connectionsAt(name: string): Map<bigint, number> {
  const found = new Map<bigint, number>();
  for (const fd of openNumbers()) {
    if (nameOf(fd) !== name || option(fd, SO_ACCEPTCONN, new Int32Array(1))?.[0] !== 0) continue;
    const cookie = option(fd, SO_COOKIE, new BigUint64Array(1))?.[0];
    if (cookie !== undefined) found.set(cookie, fd);
  }
  return found;
}

/** Name of a UNIX socket; undefined for another file. */
function nameOf(fd: number): string | undefined {
  const address = new Uint8Array(SOCKADDR_UN_BYTES);
  const length = new Uint32Array([address.length]);
  if (libc().getsockname(fd, address, length) < 0 || address[0] !== AF_UNIX) return undefined;
  const bytes = address.subarray(NAME_AT, Math.min(length[0]!, address.length));
  // A path ends with NUL, an abstract name begins with NUL.
  const end = bytes.indexOf(0, 1);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function userOf(fd: number): number {
  const ucred = option(fd, SO_PEERCRED, new Uint32Array(3)); // struct ucred: pid, uid, gid
  return ucred?.[1] ?? UNKNOWN_USER;
}

/** Value of a socket option; undefined on failure. */
function option<
  T extends Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>,
>(
  fd: number,
  name: number,
  value: T,
): T | undefined {
  const bytes = new Uint8Array(value.buffer);
  const length = new Uint32Array([bytes.length]);
  return libc().getsockopt(fd, SOL_SOCKET, name, bytes, length) < 0 ? undefined : value;
}
