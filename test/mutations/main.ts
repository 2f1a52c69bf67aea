/**
 * `deno task mutate [WORD…]`: puts one fault at a time into a copy of the sources and runs the tests of
 * its part, then the simulation, until one notices. Words select by file or reason. The exit status is 1
 * when a fault lives that is not known to be harmless.
 */

import { existsSync } from "node:fs";
import { type Mutation, MUTATIONS } from "./mutations.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const COPIED = [
  ".ci",
  "lib",
  "test",
  "conf",
  "deno.json",
  "main.ts",
  "install.sh",
  "README.md",
  "CHANGELOG.md",
];
/** Longest run of one group of tests, in ms: one that hangs has noticed. */
const RUN_MAX_MS = 300_000;

/** The tests of a part, those that are nearest first. */
function testsOf({ file }: Mutation): string[] {
  const part = file.split("/")[1]!;
  const near: Readonly<Record<string, string[]>> = {
    nsm: ["test/nsm", "test/statd"],
    statd: ["test/statd", "test/nsm"],
    store: ["test/store"],
    notify: ["test/notify"],
    net: ["test/net"],
  };
  const own = file.replace(/^lib/, "test").replace(/\.ts$/, "_test.ts");
  const all = [own, ...near[part] ?? [`test/${part}`], "test/simulation"];
  return all.filter((path) => existsSync(`${ROOT}/${path}`));
}

/** Whether the tests pass, so that their failure means something. */
async function pass(tree: string, tests: string): Promise<boolean> {
  const { code } = await new Deno.Command(`${tree}/install.sh`, {
    args: ["deno", "test", "-A", "--no-check", "--quiet", "--fail-fast", tests],
    cwd: tree,
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(RUN_MAX_MS),
  }).output();
  return code === 0;
}

/** The tests that notice a fault; undefined where none do. */
async function noticedBy(tree: string, mutation: Mutation): Promise<string | undefined> {
  const path = `${tree}/${mutation.file}`;
  const text = Deno.readTextFileSync(path);
  const parts = text.split(mutation.from);
  if (parts.length !== 2) throw new Error(`${mutation.file} has ${parts.length - 1} of its text`);
  Deno.writeTextFileSync(path, parts.join(mutation.to));
  try {
    for (const tests of testsOf(mutation)) if (!await pass(tree, tests)) return tests;
    return undefined;
  } finally {
    Deno.writeTextFileSync(path, text);
  }
}

async function main(words: readonly string[]): Promise<number> {
  const tree = Deno.makeTempDirSync({ prefix: "nsm-mutate-" });
  try {
    for (const name of COPIED) {
      const from = `${ROOT}/${name}`;
      await new Deno.Command("cp", { args: ["-a", from, tree] }).output();
    }
    Deno.symlinkSync(`${ROOT}/.toolchain`, `${tree}/.toolchain`);
    const chosen = MUTATIONS.filter(({ file, reason }) =>
      words.every((word) => `${file} ${reason}`.includes(word))
    );
    for (const tests of new Set(chosen.flatMap(testsOf))) {
      if (!await pass(tree, tests)) throw new Error(`${tests} fails without a fault`);
    }
    let lived = 0;
    for (const mutation of chosen) {
      const by = await noticedBy(tree, mutation);
      const { file, reason, isHarmless } = mutation;
      if (by === undefined && isHarmless === undefined) lived++;
      const outcome = by === undefined
        ? isHarmless === undefined ? "LIVES" : `lives, harmless (${isHarmless})`
        : `noticed by ${by}`;
      print(`${file}: ${reason}: ${outcome}`);
    }
    print(`${chosen.length} faults, ${lived} live`);
    return lived === 0 ? 0 : 1;
  } finally {
    Deno.removeSync(tree, { recursive: true });
  }
}

function print(line: string): void {
  // deno-lint-ignore no-console -- it is what the program is for
  console.log(line);
}

Deno.exit(await main(Deno.args));
