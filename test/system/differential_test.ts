/**
 * Debian's rpc.statd and ours get identical calls on identical hosts. Answers, files and callbacks
 * have to be identical byte for byte, except for listed intended differences, each with its reason.
 * A listed difference that does not occur is an error, too.
 */

import { assertEquals } from "@std/assert";
import { byPlace } from "../support/difference.ts";
import { DEBIAN, differing, OURS, play, type Scenario, type Seen } from "../support/scenario.ts";
import { DEBIAN_STATD, type NewHost, OUR_STATD, systemTest } from "../support/system_test.ts";
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
/** Behaviour of the C library of Debian 13: a name for a mapped address of IPv6. */
const OF_LATER_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  "names in MON": ['MON "::ffff:10.99.0.3": files', 'UNMON "::ffff:10.99.0.3": files'],
};
const INTENDED = byPlace([...CALL_DIFFERENCES, ...LIST_DIFFERENCES]);

const FEW_OTHERS = 10;
const MANY_OTHERS = Deno.env.get("DIFFERENTIAL_HOSTS");
const IS_LONG = MANY_OTHERS !== undefined;
const OTHERS = IS_LONG ? [FEW_OTHERS, Number(MANY_OTHERS)] : [FEW_OTHERS];

/**
 * Steps skipped with Debian's program while other hosts are monitored: it crashes on an accepted
 * SIMU_CRASH with two hosts. Consequences of the crash are skipped, too. Ours takes all steps.
 */
const DEADLY: Readonly<Record<string, readonly string[]>> = {
  "SIMU_CRASH": [
    "SIMU_CRASH with nobody",
    "SIMU_CRASH",
    "NOTIFY of the forgotten",
    "UNMON of the forgotten",
    "SIMU_CRASH over tcp",
    "UNMON",
  ],
  "callers over udp": ["SIMU_CRASH by 127.0.0.1 port 700", "SIMU_CRASH by 127.0.0.1 port 1023"],
  "callers over tcp": ["SIMU_CRASH by 127.0.0.1 port 700", "SIMU_CRASH by 127.0.0.1 port 1023"],
  "callouts": ["SIMU_CRASH"],
};

for (const scenario of SCENARIOS) {
  systemTest(`like Debian's: ${scenario.name}`, [DEBIAN_STATD, OUR_STATD], async (newHost) => {
    const [debian, ours] = await playBoth(scenario, scenario, newHost);
    const prefix = `${scenario.name}: `;
    const intended = INTENDED.filter(([place]) => place.startsWith(prefix))
      .map(([place, pair]) => [place.slice(prefix.length), pair]);
    const different = differing(debian, ours);
    for (const place of OF_LATER_LIBRARIES[scenario.name] ?? []) {
      if (different[place]?.[0].includes("sm/peer.example")) delete different[place];
    }
    assertEquals(different, Object.fromEntries(intended));

    const deadly = DEADLY[scenario.name] ?? [];
    const survived = {
      ...scenario,
      steps: scenario.steps.filter(({ does }) => !deadly.includes(does)),
    };
    for (const others of OTHERS) {
      const since = performance.now();
      const [debianAmong, oursAmong] = await playBoth(survived, scenario, newHost, others);
      assertEquals(
        differing(without(deadly, debian), debianAmong),
        {},
        `Debian's, alone and with ${others} other hosts`,
      );
      assertEquals(differing(ours, oursAmong), {}, `ours, alone and with ${others} other hosts`);
      if (!IS_LONG) continue;
      const seconds = ((performance.now() - since) / 1000).toFixed(1);
      // deno-lint-ignore no-console -- what a long run is for
      console.log(
        `${others} other hosts change nothing of what is seen: ` +
          `${debianAmong.size} times with Debian's, ${oursAmong.size} with ours (${seconds} s)`,
      );
    }
  });
}

/** Observations of Debian's program and of ours. */
async function playBoth(
  withDebian: Scenario,
  withOurs: Scenario,
  newHost: NewHost,
  others = 0,
): Promise<[Seen, Seen]> {
  return await Promise.all([
    play([DEBIAN], withDebian, newHost, others),
    play([OURS], withOurs, newHost, others),
  ]);
}

/** Observations without these steps. */
function without(steps: readonly string[], seen: Seen): Seen {
  return new Map(
    [...seen].filter(([place]) => !steps.some((step) => place.startsWith(`${step}: `))),
  );
}

Deno.test("each step that is left out exists", () => {
  for (const [name, steps] of Object.entries(DEADLY)) {
    const known = SCENARIOS.find((scenario) => scenario.name === name)?.steps ?? [];
    assertEquals(steps.filter((step) => !known.some(({ does }) => does === step)), [], name);
  }
});

Deno.test("each difference belongs to an existing scenario, and is listed once", () => {
  const places = INTENDED.map(([place]) => place);
  assertEquals(new Set(places).size, places.length);
  const prefixes = SCENARIOS.map(({ name }) => `${name}: `);
  assertEquals(places.filter((place) => !prefixes.some((each) => place.startsWith(each))), []);
});
