/**
 * The address of a service for whoever asks: what listens on all addresses is reached at the one of this
 * host that is on the network that the question came from, or was sent to.
 *
 * Source: RFC 1833 section 2.2.1 (RPCBPROC_GETADDR); the choice among several addresses is that of
 * rpcbind 1.2.6.
 */

import { fromUniversalAddress, toUniversalAddress } from "../protocol/universal_address.ts";
import { addressBytes, isLinkLocal, isLoopback } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";

/** The interface whose addresses are taken last. */
const LOOPBACK_INTERFACE = "lo";

/** An address of this host and the network that it is on. */
export interface InterfaceAddress {
  /** Numeric, without scope. */
  readonly address: string;
  readonly netmask: string;
  /** Number of the interface for link-local addresses, else 0. */
  readonly scopeid: number;
  /** Name of the interface. */
  readonly name: string;
}

/** Caller that asks for an address. */
export interface Asker {
  /** With its scope where it is link-local and that is known. */
  readonly address: string;
  /** Universal address that the asker knows us by; empty if it does not say. */
  readonly hint: string;
}

/**
 * The universal address of a service as the asker reaches it; nothing if what is registered is no address,
 * or the hint is none of the service's family.
 *
 * Deviation: a service that listens at one address is there, and not on the network of the asker.
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

/** The address of a hint; nothing if it is not one. */
function hintedAddress(hint: string): string | undefined {
  const address = fromUniversalAddress(hint)?.address;
  return address === undefined || addressBytes(address) === undefined ? undefined : address;
}

/** The address on the network of `near`; without one the first, but rather not one of loopback. */
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

/** True for an address that only this host is sure to reach. */
function isOnLoopback({ name, address }: InterfaceAddress): boolean {
  return name === LOOPBACK_INTERFACE || isLoopback(address);
}

/** True if a link-local caller is on an interface's link; any link, where its scope is not known. */
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
