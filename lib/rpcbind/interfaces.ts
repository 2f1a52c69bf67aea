/** Cached interface addresses of this host, with their networks. */

import { ownInterfaces } from "../net/own_interfaces.ts";
import type { Clock } from "../time/clock.ts";
import type { InterfaceAddress } from "./merged_address.ts";

/** Time to live of the cache, in ms; there may be many callers per second. */
const RECHECK_MS = 1_000;

/** Makes the function that returns the addresses, in the order of the interfaces. */
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
