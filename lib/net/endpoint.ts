/** Conversion of Deno's network addresses to endpoints. */

import { isLinkLocal } from "../rpc/address.ts";
import type { Endpoint } from "../rpc/transport.ts";

/** Prefix of a v4-mapped address in Deno's text. */
const MAPPED_PREFIX = "::ffff:";

/**
 * Endpoint of a Deno address. A dual-stack socket reports IPv4 addresses in mapped form. Link-local
 * addresses lack their scope, which is `scope` if known. Undefined for a mapped address on a socket
 * that is not dual-stack.
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

/** Scope of an address, with its `%`; empty if there is none. */
export function scopeOf(address: string): string {
  const percent = address.indexOf("%");
  return percent < 0 ? "" : address.slice(percent);
}
