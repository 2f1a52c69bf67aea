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
/** Longest run of tests without a fault, in ms. */
const RUN_MAX_MS = 900_000;
/**
 * How many times as long tests may take with a fault in the program, and how much longer in any case, in
 * ms: a loop has noticed, and a machine that is busier now has not.
 */
const SLOWER_MAX = 5;
const SLOWER_MAX_MS = 60_000;

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

/** A copy of the sources that faults are put into. */
class Tree {
  /** How long tests take that pass without a fault, in ms. */
  readonly #times = new Map<string, number>();

  constructor(readonly path: string) {}

  /** The tests that notice a fault; undefined where none do. */
  async noticedBy(mutation: Mutation): Promise<string | undefined> {
    for (const tests of testsOf(mutation)) {
      const maxMs = SLOWER_MAX * await this.#timeOf(tests) + SLOWER_MAX_MS;
      const status = await this.#withFault(mutation, () => this.#run(tests, maxMs));
      if (status === "ended") return `${tests}, without an end`;
      if (status === "failed") return tests;
    }
    return undefined;
  }

  /** @throws {Error} Where the tests fail without a fault, so that their failure means nothing. */
  async #timeOf(tests: string): Promise<number> {
    const known = this.#times.get(tests);
    if (known !== undefined) return known;
    const began = performance.now();
    const status = await this.#run(tests, RUN_MAX_MS);
    if (status !== "passed") throw new Error(`${tests} has ${status} without a fault`);
    const took = performance.now() - began;
    this.#times.set(tests, took);
    return took;
  }

  /** How tests end; they are killed behind `maxMs`, as whoever loops hears no other signal. */
  async #run(tests: string, maxMs: number): Promise<"passed" | "failed" | "ended"> {
    const test = ["deno", "test", "-A", "--no-check", "--quiet", "--fail-fast", tests];
    const { code, signal } = await new Deno.Command("timeout", {
      args: ["--signal=KILL", String(maxMs / 1000), `${this.path}/install.sh`, ...test],
      cwd: this.path,
      stdout: "null",
      stderr: "null",
    }).output();
    if (signal === "SIGKILL") return "ended";
    return code === 0 ? "passed" : "failed";
  }

  async #withFault<T>({ file, from, to }: Mutation, action: () => Promise<T>): Promise<T> {
    const path = `${this.path}/${file}`;
    const text = Deno.readTextFileSync(path);
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} of its text`);
    Deno.writeTextFileSync(path, parts.join(to));
    try {
      return await action();
    } finally {
      Deno.writeTextFileSync(path, text);
    }
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
    const copy = new Tree(tree);
    let lived = 0;
    for (const mutation of chosen) {
      const by = await copy.noticedBy(mutation);
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
