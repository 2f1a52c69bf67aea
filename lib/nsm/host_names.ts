/** Names and addresses of a host, as the name service has them. */

import { normaliseAddress } from "../rpc/address.ts";
import type { Resolver } from "./ports.ts";

/** Aliases of a host, or the reason why there are none yet. */
export type Learned =
  | { readonly aliases: readonly string[]; readonly canonicalName?: string }
  | { readonly fault: string; readonly isFinal: boolean };

/** Looks up the other names and the addresses of a host, given by name or address. */
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
  if (forward.outcome === "tryLater") return { fault: forward.reason, isFinal: false };
  const addresses = forward.outcome === "found" ? forward.value.addresses : [];
  const aliases = withCanonical([address, ...addresses], reverse.value);
  return { aliases, canonicalName: reverse.value };
}

/**
 * Looks up the aliases of several names and addresses, themselves included. `isFinal`: the name
 * service has answered for all of them.
 */
export async function aliasesOfAll(
  resolver: Resolver,
  hosts: readonly string[],
): Promise<{ aliases: string[]; isFinal: boolean }> {
  const looked = await Promise.all(hosts.map((host) => namesOfHost(resolver, host)));
  const aliases = [...hosts];
  let isFinal = true;
  for (const learned of looked) {
    if ("aliases" in learned) aliases.push(...learned.aliases);
    else if (!learned.isFinal) isFinal = false;
  }
  return { aliases, isFinal };
}

/** Addresses, preceded by the canonical name if there is one. */
export function withCanonical(addresses: readonly string[], canonicalName?: string): string[] {
  return canonicalName === undefined ? [...addresses] : [canonicalName, ...addresses];
}
