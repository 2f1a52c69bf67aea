/**
 * Prints by how many bytes the heap has grown after short-lived records, when many earlier ones are kept.
 * Needs gc().
 */

import { formatRecord, parseRecord } from "../../lib/store/record_format.ts";

const KEPT = 50_000;
const SHORT_LIVED = 50_000;
const { gc } = globalThis as unknown as { gc(options?: { type: "minor" }): void };

function recordOf(i: number) {
  const registration = { myName: "bench", myProg: 100021, myVers: 3, myProc: 16 };
  const monName = `10.64.${i >> 8}.${i & 255}`;
  return parseRecord(formatRecord({ ...registration, monName, priv: "0".repeat(32) }).trimEnd());
}

const kept = Array.from({ length: KEPT }, (_, i) => recordOf(i));
gc();
const before = Deno.memoryUsage().heapUsed;
for (let i = 0; i < SHORT_LIVED; i++) recordOf(i);
gc({ type: "minor" });
gc({ type: "minor" });
const grown = Deno.memoryUsage().heapUsed - before;
Deno.stdout.writeSync(new TextEncoder().encode(`${grown} ${kept.length}`));
