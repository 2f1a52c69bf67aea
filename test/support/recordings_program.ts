/** Prints by how many bytes the heap has grown after many peers went through the queue to a ledger. Needs gc(). */

import { Recordings } from "../../lib/cluster/recordings.ts";

const BATCHES = 125;
const PER_PUT = 100;
const PUTS = 4;
const { gc } = globalThis as unknown as { gc(options?: { type: "minor" }): void };

const recordings = new Recordings();
gc();
const before = Deno.memoryUsage().heapUsed;
for (let batch = 0; batch < BATCHES; batch++) {
  const peers = Array.from({ length: PUTS * PER_PUT }, (_, i) => {
    return { monName: `10.64.${batch}.${i}`, addresses: [] };
  });
  const areThere = recordings.add(peers, true);
  for (let put = 0; put < PUTS; put++) recordings.finish(recordings.take(PER_PUT));
  await areThere;
}
gc({ type: "minor" });
gc({ type: "minor" });
const grown = Deno.memoryUsage().heapUsed - before;
Deno.stdout.writeSync(new TextEncoder().encode(`${grown} ${recordings.size}`));
