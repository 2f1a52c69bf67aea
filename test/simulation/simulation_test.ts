/**
 * Short run of the simulation. A failure prints a shortened history and its trace. `deno task
 * simulate` is the long run.
 */

import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { FOUND } from "./found_histories.ts";
import { generate, type History } from "./history.ts";
import { explain, play } from "./run.ts";

/** Histories per test run. */
const HISTORIES = 2_000;
/** Histories per test, for progress in the report. */
const SHARE = 250;

async function assertKept(history: History): Promise<void> {
  const { violation } = await play(history);
  if (violation === undefined) return;
  throw new Error(await explain(history, violation));
}

for (const [name, history] of Object.entries(FOUND)) {
  Deno.test(`found before: ${name}`, () => assertKept(history));
}

for (let first = 0; first < HISTORIES; first += SHARE) {
  const last = first + SHARE - 1;
  Deno.test(`the invariants hold in the histories of seeds ${first} to ${last}`, async () => {
    for (let seed = first; seed <= last; seed++) await assertKept(generate(seed));
  });
}

Deno.test("a seed is one history, to the last line", async () => {
  for (const seed of [7, 8, 9, 10]) {
    const [first, second] = [await play(generate(seed), true), await play(generate(seed), true)];
    assert(first.trace.length > 10);
    assertEquals(first, second);
  }
});
