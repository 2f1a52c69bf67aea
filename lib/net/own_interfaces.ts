/**
 * Interfaces of this host and their addresses, by netlink(7). A filter may refuse that
 * (`RestrictAddressFamilies=` without AF_NETLINK); nfs-utils' programs do without it.
 */

/** Interfaces, one entry for each address; undefined where they cannot be listed. */
export function ownInterfaces(): readonly Deno.NetworkInterfaceInfo[] | undefined {
  try {
    return Deno.networkInterfaces();
  } catch {
    return undefined;
  }
}

/** Addresses of all interfaces; undefined where they cannot be listed. */
export function ownAddresses(): readonly string[] | undefined {
  return ownInterfaces()?.map(({ address }) => address);
}
