/**
 * The simulation of the whole, in its short run: a failure prints a
 * shortened history, and what happens in it. `deno task simulate` is the long run.
 */

import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { generate } from "./history.ts";
import { explain, play } from "./run.ts";
import type { Invariant } from "./violation.ts";

/** Histories of each run of the tests. */
const HISTORIES = 2_000;
/** Histories of one test, so that a report says where it is. */
const SHARE = 250;

/** Invariants that are broken as yet. */
const BROKEN: ReadonlySet<Invariant> = new Set(["passedOn"]);

for (let first = 0; first < HISTORIES; first += SHARE) {
  const last = first + SHARE - 1;
  Deno.test(`the invariants hold in the histories of seeds ${first} to ${last}`, async () => {
    for (let seed = first; seed <= last; seed++) {
      const history = generate(seed);
      const { violation } = await play(history);
      if (violation !== undefined && !BROKEN.has(violation.invariant)) {
        throw new Error(await explain(history, violation));
      }
    }
  });
}

Deno.test("a seed is one history, to the last line", async () => {
  for (const seed of [7, 8, 9, 10]) {
    const [first, second] = [await play(generate(seed), true), await play(generate(seed), true)];
    assert(first.trace.length > 10);
    assertEquals(first, second);
  }
});
