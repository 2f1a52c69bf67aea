/**
 * Short run of every target, 50,000 inputs in all. Each run has a new seed; a failure prints the
 * seed, and TEST_SEED in the environment repeats the run. The long run is `deno task fuzz`.
 */

import "../support/open_libc.ts";
import { assert } from "@std/assert";
import { seededRandom } from "../support/seeded_random.ts";
import { fuzz } from "./runner.ts";
import { TARGETS } from "./targets.ts";

const INPUTS_MIN = 50_000;

const { seed } = seededRandom();

for (const target of TARGETS) {
  Deno.test(`fuzz: ${target.name} (TEST_SEED=${seed})`, async () => {
    await fuzz(target, { seed, inputs: target.inputs });
  });
}

Deno.test("fuzz: there are enough inputs in all", { permissions: "none" }, () => {
  assert(TARGETS.reduce((sum, { inputs }) => sum + inputs, 0) >= INPUTS_MIN);
});
