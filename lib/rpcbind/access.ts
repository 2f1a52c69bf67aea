/**
 * Access rule of program 100000: decides by a row's `from` and the origin of the call.
 *
 * - `any`: all callers.
 * - `local` (SET, UNSET): programs of this host, over the UNIX socket or from 127.0.0.1 or ::1; all
 *   callers with `-i`.
 * - `dump`: programs of this host, at any of its addresses. Other hosts get the list over TCP only,
 *   and only with `dump = all`: a small datagram with a forged source would otherwise send a large
 *   reply to the victim.
 *
 * A refused caller gets AUTH_TOOWEAK, as with rpcbind 1.2.6.
 *
 * Source: rpcbind(8); US-CERT TA14-017A (amplification by UDP services).
 */

import { isLinkLocal, LOOPBACK_ADDRESSES } from "../rpc/address.ts";
import type { Procedure } from "../rpc/program.ts";
import type { Caller } from "../rpc/transport.ts";

/** Access settings. */
export interface RpcbindAccess {
  readonly insecure: boolean;
  readonly dump: "local" | "all";
  /** True for an address of an interface of this host. */
  readonly isOwnAddress: (address: string) => boolean;
}

/** Whether a call comes from this host. */
export function isFromHere({ uid, isLocal }: Caller): boolean {
  return uid !== undefined || isLocal;
}

/** Reason why a caller may not call a procedure, as the end of a log line; undefined if it may. */
export function rpcbindAccessFault(
  { from }: Procedure,
  caller: Caller,
  { insecure, dump, isOwnAddress }: RpcbindAccess,
): string | undefined {
  if (from === "any") return undefined;
  if (from === "local") {
    const mayRegister = insecure || caller.uid !== undefined ||
      caller.isLocal && LOOPBACK_ADDRESSES.includes(caller.address);
    return mayRegister ? undefined : "only programs of this host may register";
  }
  // A link-local address may belong to another host on another link. A reply to an own address
  // stays on this host.
  const isOwn = !isLinkLocal(caller.address) && isOwnAddress(caller.address);
  if (isFromHere(caller) || isOwn) return undefined;
  if (dump === "local") return "the list is for programs of this host (dump = local)";
  return caller.netid.startsWith("tcp") ? undefined : "other hosts get the list over TCP only";
}
