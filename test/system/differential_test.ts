/**
 * Debian's rpc.statd and ours get the same calls on hosts that are alike. Answers, files and callbacks
 * have to be the same, byte for byte; where we differ on purpose, the lists of differences say how and
 * why. What is listed and does not differ is an error too.
 */

import { assertEquals } from "@std/assert";
import { byPlace } from "../support/difference.ts";
import { DEBIAN, differing, OURS, play, type Scenario } from "../support/scenario.ts";
import { DEBIAN_STATD, OUR_STATD, systemTest } from "../support/system_test.ts";
import { ACCESS_SCENARIOS } from "./access_scenarios.ts";
import { CALL_DIFFERENCES } from "./call_differences.ts";
import { CALL_SCENARIOS } from "./call_scenarios.ts";
import { FILE_SCENARIOS } from "./file_scenarios.ts";
import { LIST_DIFFERENCES } from "./list_differences.ts";
import { LIST_SCENARIOS } from "./list_scenarios.ts";
import { RPC_SCENARIOS } from "./rpc_scenarios.ts";

const SCENARIOS: readonly Scenario[] = [
  ...RPC_SCENARIOS,
  ...CALL_SCENARIOS,
  ...LIST_SCENARIOS,
  ...FILE_SCENARIOS,
  ...ACCESS_SCENARIOS,
];
const INTENDED = byPlace([...CALL_DIFFERENCES, ...LIST_DIFFERENCES]);

for (const scenario of SCENARIOS) {
  systemTest(`like Debian's: ${scenario.name}`, [DEBIAN_STATD, OUR_STATD], async (newHost) => {
    const [debian, ours] = await Promise.all([
      play([DEBIAN], scenario, newHost),
      play([OURS], scenario, newHost),
    ]);
    const prefix = `${scenario.name}: `;
    const intended = INTENDED.filter(([place]) => place.startsWith(prefix))
      .map(([place, pair]) => [place.slice(prefix.length), pair]);
    assertEquals(differing(debian, ours), Object.fromEntries(intended));
  });
}

Deno.test("each difference is of a scenario that there is, and is listed once", () => {
  const places = INTENDED.map(([place]) => place);
  assertEquals(new Set(places).size, places.length);
  const prefixes = SCENARIOS.map(({ name }) => `${name}: `);
  assertEquals(places.filter((place) => !prefixes.some((each) => place.startsWith(each))), []);
});
