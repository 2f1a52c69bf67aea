/** Names and addresses of a host, as the name service has them. */

import { normaliseAddress } from "../rpc/address.ts";
import { nameKey } from "./host_name.ts";
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
 * Looks up the aliases of several names and addresses. `hosts` has the keys of each and its aliases;
 * `isFinal`: the name service has answered for all of them.
 */
export async function aliasesOfAll(
  resolver: Resolver,
  names: readonly string[],
): Promise<{ hosts: string[][]; isFinal: boolean }> {
  const looked = await Promise.all(names.map((name) => namesOfHost(resolver, name)));
  const hosts = looked.map((learned, i) => {
    return [names[i]!, ..."aliases" in learned ? learned.aliases : []].map(nameKey);
  });
  return { hosts, isFinal: looked.every((learned) => "aliases" in learned || learned.isFinal) };
}

/** Addresses, preceded by the canonical name if there is one. */
export function withCanonical(addresses: readonly string[], canonicalName?: string): string[] {
  return canonicalName === undefined ? [...addresses] : [canonicalName, ...addresses];
}
