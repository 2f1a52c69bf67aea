/**
 * Address merging: a service on a wildcard address is reached at this host's address on the network
 * that the question came from, or was sent to.
 *
 * Source: RFC 1833 section 2.2.1 (RPCBPROC_GETADDR); the choice among several addresses is that of
 * rpcbind 1.2.6.
 */

import type { Clock } from "../time/clock.ts";
import { ownInterfaces } from "../net/own_interfaces.ts";
import { fromUniversalAddress, toUniversalAddress } from "../protocol/universal_address.ts";
import { addressBytes, isLinkLocal, isLoopback } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";

/** Time to live of cached interface addresses, in ms; there may be many callers per second. */
const RECHECK_MS = 1_000;

/** Interface whose addresses are the last choice. */
const LOOPBACK_INTERFACE = "lo";

/** Address of this host with its network. */
export interface InterfaceAddress {
  /** Numeric, without scope. */
  readonly address: string;
  readonly netmask: string;
  /** Interface index of a link-local address, else 0. */
  readonly scopeid: number;
  /** Interface name. */
  readonly name: string;
}

/** Caller that asks for an address. */
export interface Asker {
  /** Source address, with the scope of a link-local one if known. */
  readonly address: string;
  /** Universal address that the caller knows us by; empty if not given. */
  readonly hint: string;
}

/**
 * Universal address of a service as seen by the asker. Undefined if the registered text is no
 * address, or the hint has another address family than the service.
 *
 * Deviation: a service bound to one address is reported there, not on the caller's network.
 */
export function mergedAddress(
  registered: string,
  { address, hint }: Asker,
  interfaces: readonly InterfaceAddress[],
): string | undefined {
  const service = fromUniversalAddress(registered);
  if (service === undefined || addressBytes(service.address) === undefined) return undefined;
  const near = hint === "" ? address : hintedAddress(hint);
  if (near?.includes(":") !== service.address.includes(":")) return undefined;
  if (service.address !== "0.0.0.0" && service.address !== "::") return registered;
  const best = bestOf(near, address, interfaces);
  return best && toUniversalAddress({ address: best.address, port: service.port });
}

/** Address in a hint; undefined if invalid. */
function hintedAddress(hint: string): string | undefined {
  const address = fromUniversalAddress(hint)?.address;
  return address === undefined || addressBytes(address) === undefined ? undefined : address;
}

/** Address on the network of `near`; else the first one, preferably not loopback. */
function bestOf(
  near: string,
  asker: string,
  interfaces: readonly InterfaceAddress[],
): InterfaceAddress | undefined {
  const bytes = addressBytes(near);
  if (bytes === undefined) return undefined;
  let first: InterfaceAddress | undefined;
  for (const own of interfaces) {
    if (own.address.includes(":") !== near.includes(":")) continue;
    const areLinkLocal = [own.address, near, asker].every(isLinkLocal);
    if (areLinkLocal ? isOnLink(own, asker) : isSameNetwork(own, bytes)) return own;
    const isBetter = first === undefined || (isOnLoopback(first) && !isOnLoopback(own));
    if (isBetter) first = own;
  }
  return first;
}

/** Whether only this host is sure to reach an address. */
function isOnLoopback({ name, address }: InterfaceAddress): boolean {
  return name === LOOPBACK_INTERFACE || isLoopback(address);
}

/** Whether a link-local caller is on an interface's link; any link if its scope is unknown. */
function isOnLink({ name, scopeid }: InterfaceAddress, asker: string): boolean {
  const scope = asker.slice(withoutScope(asker).length + 1);
  return scope === "" || scope === name || scope === String(scopeid);
}

function isSameNetwork(own: InterfaceAddress, bytes: readonly number[]): boolean {
  const ownBytes = addressBytes(own.address);
  const mask = addressBytes(own.netmask);
  if (ownBytes?.length !== bytes.length || mask?.length !== bytes.length) return false;
  return mask.every((bits, i) => (ownBytes[i]! & bits) === (bytes[i]! & bits));
}

/** Makes the function that returns the addresses of this host, cached, in the order of the interfaces. */
export function interfaceAddresses(clock: Pick<Clock, "now">): () => readonly InterfaceAddress[] {
  let readAt = -Infinity;
  let known: readonly InterfaceAddress[] = [];
  return () => {
    const now = clock.now();
    if (now - readAt < RECHECK_MS) return known;
    readAt = now;
    known = (ownInterfaces() ?? []).map(({ address, netmask, name, scopeid }) => ({
      address,
      netmask,
      name,
      scopeid: scopeid ?? 0,
    }));
    return known;
  };
}
