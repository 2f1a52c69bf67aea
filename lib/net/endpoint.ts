/** Deno's addresses and ours. */

import { isLinkLocal } from "../rpc/address.ts";
import type { Endpoint } from "../rpc/transport.ts";

/** Prefix of a v4-mapped address in the runtime's text. */
const MAPPED_PREFIX = "::ffff:";

/**
 * The endpoint of an address that the runtime reports. On a socket of both families IPv4 addresses come
 * in their mapped form; link-local ones come without their scope, which is `scope` if it is known.
 * Undefined for a mapped address on a socket that is not of both families.
 */
export function endpointOf(addr: Deno.Addr, scope: string, isDual: false): Endpoint | undefined;
export function endpointOf(addr: Deno.Addr, scope?: string, isDual?: boolean): Endpoint;
export function endpointOf(addr: Deno.Addr, scope = "", isDual = true): Endpoint | undefined {
  const { hostname, port } = addr as Deno.NetAddr;
  if (hostname.startsWith(MAPPED_PREFIX) && hostname.includes(".")) {
    return isDual ? { address: hostname.slice(MAPPED_PREFIX.length), port } : undefined;
  }
  return { address: scope !== "" && isLinkLocal(hostname) ? hostname + scope : hostname, port };
}

/** The scope at the end of an address, with its `%`; empty if there is none. */
export function scopeOf(address: string): string {
  const percent = address.indexOf("%");
  return percent < 0 ? "" : address.slice(percent);
}
