/**
 * Long run of the simulation: `deno task simulate [EVENTS [SEED]]` plays histories from a seed on
 * until each kind of event has happened EVENTS times, a million by default, and ends at the first
 * failure. One history in four is the one of its seed in the test run; the others make rare kinds
 * frequent.
 */

import "../support/open_libc.ts";
import { generate, type Kind, KINDS, swarm } from "./history.ts";
import { explain, play } from "./run.ts";

const EVENTS = 1_000_000;
/** Histories between two progress lines. */
const REPORT_EVERY = 10_000;
/** One history in this many is that of its seed in the test run. */
const USUAL_EVERY = 4;

async function main([events = EVENTS, first = 0]: readonly number[]): Promise<number> {
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  let steps = 0;
  // Stacks cost a tenth of the time, and only a failure needs them.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  for (let seed = first; Math.min(...Object.values(counts)) < events; seed++) {
    const history = seed % USUAL_EVERY === 0 ? generate(seed) : swarm(seed);
    const { violation, ...outcome } = await play(history);
    if (violation !== undefined) {
      Error.stackTraceLimit = stackTraceLimit;
      print(await explain(history, violation));
      return 1;
    }
    steps += outcome.steps;
    for (const { kind } of history.events) counts[kind]++;
    if ((seed - first + 1) % REPORT_EVERY === 0) {
      print(`${seed - first + 1} histories, ${steps} steps: ${JSON.stringify(counts)}`);
    }
  }
  print(`no violation, ${steps} steps: ${JSON.stringify(counts)}`);
  return 0;
}

function print(line: string): void {
  // deno-lint-ignore no-console -- it is what the program is for
  console.log(line);
}

Deno.exit(await main(Deno.args.map(Number)));
