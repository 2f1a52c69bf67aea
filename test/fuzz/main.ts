/**
 * Long run: a million inputs or more, distributed over the targets. Arguments of `deno task fuzz`:
 * `seed=N`, `inputs=N` (in all), `target=NAME` (prefix of a target's name), `first=N` (number of
 * the first input, as printed by a failure).
 */

import { seededRandom } from "../support/seeded_random.ts";
import { fuzz } from "./runner.ts";
import { TARGETS } from "./targets.ts";

const INPUTS = 1_050_000;

/** Number of the argument `name=N`. */
function given(name: string): string | undefined {
  return Deno.args.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const seed = Number(given("seed") ?? seededRandom().seed);
  const first = Number(given("first") ?? 0);
  const targets = TARGETS.filter(({ name }) => name.startsWith(given("target") ?? ""));
  const weight = targets.reduce((sum, { inputs }) => sum + inputs, 0);
  let total = 0;
  say(`seed ${seed}`);
  for (const target of targets) {
    const inputs = Math.ceil(Number(given("inputs") ?? INPUTS) * target.inputs / weight);
    const { ms, growth } = await fuzz(target, { seed, inputs, first });
    total += inputs;
    const speed = Math.round(1000 * inputs / ms);
    const heap = (growth / 2 ** 20).toFixed(1);
    say(`${target.name}: ${inputs} inputs, ${speed} a second, heap ${heap} MiB more`);
  }
  say(`${total} inputs in all, no finding`);
}
