/**
 * Mutation testing, `deno task mutate [WORD…]`: plants one fault at a time in a copy of the sources,
 * and runs the tests of its part, then the simulation, until one fails. Words select by file or reason.
 * The exit status is 1 if a fault survives that is not known to be harmless.
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
/**
 * Time of the processor that one group of tests may take, in s: the longest, the simulation, takes 30. What
 * takes more has noticed. Time by the clock would depend on what else the machine does.
 */
const PROCESSOR_MAX_S = 300;

/** Tests of a part, nearest first. */
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

/** Copy of the sources, in which faults are planted. */
class Tree {
  /** Tests that pass without a fault. */
  readonly #passing = new Set<string>();

  constructor(readonly path: string) {}

  /** The tests that notice a fault; undefined where none do. */
  async noticedBy(mutation: Mutation): Promise<string | undefined> {
    for (const tests of testsOf(mutation)) {
      await this.#requirePassing(tests);
      const status = await this.#withFault(mutation, () => this.#run(tests));
      if (status === "killed") return `${tests}, which do not end`;
      if (status === "failed") return tests;
    }
    return undefined;
  }

  /** @throws {Error} Where tests do not pass without a fault, so that their failure means nothing. */
  async #requirePassing(tests: string): Promise<void> {
    if (this.#passing.has(tests)) return;
    const status = await this.#run(tests);
    if (status !== "passed") throw new Error(`${tests} ${status} without a fault`);
    this.#passing.add(tests);
  }

  /** How tests end. The limit on their time of the processor ends whoever loops, too. */
  async #run(tests: string): Promise<"passed" | "failed" | "killed"> {
    const test = ["deno", "test", "-A", "--no-check", "--quiet", "--fail-fast", tests];
    const limited = `ulimit -t ${PROCESSOR_MAX_S}; exec "$@"`;
    const { code, signal } = await new Deno.Command("sh", {
      args: ["-c", limited, "sh", `${this.path}/install.sh`, ...test],
      cwd: this.path,
      stdout: "null",
      stderr: "null",
    }).output();
    if (signal !== null) return "killed";
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
