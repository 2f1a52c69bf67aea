/** The addresses of this host with their networks, read again when they may have changed. */

import type { Clock } from "../time/clock.ts";
import type { InterfaceAddress } from "./merged_address.ts";

/** Life of the cached addresses, in ms: many callers ask in a second. */
const RECHECK_MS = 1_000;

/** Makes the function that returns them, in the order of the interfaces. */
export function interfaceAddresses(clock: Pick<Clock, "now">): () => readonly InterfaceAddress[] {
  let readAt = -Infinity;
  let known: readonly InterfaceAddress[] = [];
  return () => {
    const now = clock.now();
    if (now - readAt < RECHECK_MS) return known;
    readAt = now;
    known = Deno.networkInterfaces().map(({ address, netmask, name, scopeid }) => ({
      address,
      netmask,
      name,
      scopeid: scopeid ?? 0,
    }));
    return known;
  };
}
