/** What the name service says of one host: its other names and its addresses. */

import { normaliseAddress } from "../rpc/address.ts";
import type { Resolver } from "./ports.ts";

/** The aliases of one host, or why there are none yet. */
export type Learned =
  | { readonly aliases: readonly string[]; readonly canonicalName?: string }
  | { readonly fault: string; readonly isFinal: boolean };

/** The other names and the addresses of a host, by name or address. */
export async function namesOfHost(resolver: Resolver, host: string): Promise<Learned> {
  const address = normaliseAddress(host);
  if (address === undefined) {
    const found = await resolver.addressesOf(host);
    if (found.outcome !== "found") {
      return { fault: found.reason, isFinal: found.outcome === "notFound" };
    }
    const { canonicalName, addresses } = found.value;
    return { aliases: withCanonical(addresses, canonicalName), canonicalName };
  }
  const reverse = await resolver.nameOf(address);
  if (reverse.outcome === "tryLater") return { fault: reverse.reason, isFinal: false };
  if (reverse.outcome === "notFound") return { aliases: [address] };
  const forward = await resolver.addressesOf(reverse.value);
  const addresses = forward.outcome === "found" ? forward.value.addresses : [];
  const aliases = withCanonical([address, ...addresses], reverse.value);
  return { aliases, canonicalName: reverse.value };
}

/** An official name, if there is one, and addresses. */
export function withCanonical(addresses: readonly string[], canonicalName?: string): string[] {
  return canonicalName === undefined ? [...addresses] : [canonicalName, ...addresses];
}
