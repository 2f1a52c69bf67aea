/** Keys of many peers, in slices: a ledger may have tens of thousands. */

import { nameKey } from "../nsm/host_name.ts";
import type { Clock } from "../time/clock.ts";
import { inSlices } from "../time/slices.ts";
import type { LedgerPeer } from "./ledger.ts";

export async function keysOf(peers: readonly LedgerPeer[], clock: Clock): Promise<Set<string>> {
  const keys = new Set<string>();
  const { signal } = new AbortController(); // never aborted
  const noting = function* () {
    for (const { monName } of peers) yield keys.add(nameKey(monName));
  };
  await inSlices(noting(), { clock, signal });
  return keys;
}
