/**
 * `deno task reversals [WORD…]`: takes back one mend at a time in a copy of the sources, and says which seed the
 * simulation notices it at, and after what time. Words select by name. The exit status is 1 when one is
 * not noticed within {@link LIMIT_MS}.
 */

import { type Reversal, REVERSALS } from "./reversals.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const COPIED = [".ci", "lib", "test", "deno.json", "main.ts", "install.sh"];
/** Longest time in which a mend that is missing has to be noticed, in ms. */
const LIMIT_MS = 60_000;
/** First seed; the histories that every run of the tests plays begin there. */
const FIRST_SEED = 0;
/** Events of each kind, so that only the time ends the search. */
const EVENTS = 1_000_000;

/** Takes a mend back. @throws {Error} Where its text is not there exactly once. */
function apply(tree: string, { name, changes }: Reversal): void {
  for (const { file, from, to } of changes) {
    const parts = Deno.readTextFileSync(`${tree}/${file}`).split(from);
    if (parts.length !== 2) {
      throw new Error(`${name}: ${file} has its text ${parts.length - 1} times`);
    }
    Deno.writeTextFileSync(`${tree}/${file}`, parts.join(to));
  }
}

/** Which seed notices, and which invariant is broken; undefined where none does in time. */
async function noticedBy(tree: string): Promise<string | undefined> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { stdout } = await new Deno.Command(`${tree}/install.sh`, {
    args: ["deno", "task", "simulate", String(EVENTS), String(FIRST_SEED)],
    cwd: tree,
    stdout: "piped",
    stderr: "null",
    signal,
  }).output();
  const text = new TextDecoder().decode(stdout);
  const seed = /^seed (\d+):/m.exec(text)?.[1];
  const invariant = /^\d: [^:]*/m.exec(text)?.[0];
  return seed === undefined ? undefined : `seed ${seed}, ${invariant}`;
}

async function main(words: readonly string[]): Promise<number> {
  let missed = 0;
  for (const reversal of REVERSALS) {
    if (!words.every((word) => reversal.name.includes(word))) continue;
    const tree = Deno.makeTempDirSync({ prefix: "nsm-power-" });
    try {
      for (const name of COPIED) {
        await new Deno.Command("cp", { args: ["-a", `${ROOT}/${name}`, tree] }).output();
      }
      Deno.symlinkSync(`${ROOT}/.toolchain`, `${tree}/.toolchain`);
      apply(tree, reversal);
      const begun = performance.now();
      const by = await noticedBy(tree);
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      if (by === undefined) missed++;
      print(`${reversal.name}: ${by ?? "NOT NOTICED"} after ${seconds} s`);
    } finally {
      Deno.removeSync(tree, { recursive: true });
    }
  }
  return missed === 0 ? 0 : 1;
}

function print(line: string): void {
  // deno-lint-ignore no-console -- it is what the program is for
  console.log(line);
}

Deno.exit(await main(Deno.args));
