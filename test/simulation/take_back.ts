/**
 * `deno task reversals [WORD…]`: reverts one fix at a time in a copy of the sources. Prints the
 * seed at which the simulation notices, and the CPU time until then, including the shortening of
 * the history. WORDs select fixes by name. The exit status is 1 if a reverted fix is not noticed
 * within {@link LIMIT_S}.
 */

import { type Reversal, REVERSALS } from "./reversals.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const COPIED = [".ci", "lib", "test", "deno.json", "main.ts", "install.sh"];
/** CPU time limit for noticing a reverted fix, in s. */
const LIMIT_S = 60;
/** Prints the CPU time last, whatever limit ends the program. */
const TIMED = `TIMEFORMAT=%U; time { (ulimit -t ${LIMIT_S}; exec "$@"); }`;
/** First seed, that of the histories in every test run. */
const FIRST_SEED = 0;
/** Events of each kind: so many that only the time limit ends the search. */
const EVENTS = 1_000_000;

/** Reverts a fix. @throws {Error} When its text does not occur exactly once. */
function apply(tree: string, { name, changes }: Reversal): void {
  for (const { file, from, to } of changes) {
    const parts = Deno.readTextFileSync(`${tree}/${file}`).split(from);
    if (parts.length !== 2) {
      throw new Error(`${name}: ${file} has its text ${parts.length - 1} times`);
    }
    Deno.writeTextFileSync(`${tree}/${file}`, parts.join(to));
  }
}

/** Seed and broken invariant, undefined if the revert was not noticed in time, and the CPU time. */
async function noticedBy(tree: string): Promise<{ by: string | undefined; seconds: string }> {
  const simulate = ["deno", "task", "simulate", String(EVENTS), String(FIRST_SEED)];
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", TIMED, "bash", `${tree}/install.sh`, ...simulate],
    cwd: tree,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout);
  const seed = /^seed (\d+):/m.exec(text)?.[1];
  const invariant = /^\d: [^:]*/m.exec(text)?.[0];
  const by = seed === undefined ? undefined : `seed ${seed}, ${invariant}`;
  return { by, seconds: decoder.decode(stderr).trim().split("\n").at(-1)! };
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
      const { by, seconds } = await noticedBy(tree);
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
