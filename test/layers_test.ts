/** Import rule: every file of the program is checked against the layout. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { breachesOf, FOLDER_SHARE_MAX } from "./support/layers.ts";
import { codeOf, functionsOf, importsOf } from "./support/module_text.ts";

const pure = { permissions: "none" } as const;
const ROOT = new URL("..", import.meta.url);

/** Paths of all modules below a folder, relative to the project. */
function* modules(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) yield* modules(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield `${folder}${name}`;
  }
}

Deno.test("every module follows the layout and the import rule", {
  permissions: { read: [ROOT] },
}, () => {
  const paths = ["main.ts", ...modules("lib/"), ...modules("test/")].sort();
  assert(paths.length > 50, "the modules were not found");
  const breaches = paths.flatMap((path) =>
    breachesOf(path, Deno.readTextFileSync(new URL(path, ROOT)))
  );
  assert(breaches.length === 0, `\n${breaches.join("\n")}`);
});

Deno.test("no folder holds more than 18 % of the lines of lib/", {
  permissions: { read: [ROOT] },
}, () => {
  const folders = new Map<string, number>();
  let all = 0;
  for (const path of modules("lib/")) {
    const lines = Deno.readTextFileSync(new URL(path, ROOT)).split("\n").length - 1;
    const [, folder = "lib"] = /^lib\/([^/]+)\//.exec(path) ?? [];
    folders.set(folder, (folders.get(folder) ?? 0) + lines);
    all += lines;
  }
  const large = [...folders].filter(([, lines]) => lines > all * FOLDER_SHARE_MAX);
  assertEquals(large, [], `of ${all} lines`);
});

/** Function of 61 lines. */
function longFunction(head: string): string {
  return `${head}\n${"  ++c;\n".repeat(59)}}\n`;
}

/** File, text, and part of the one expected message. */
const bad: readonly (readonly [path: string, text: string, message: string])[] = [
  // Direction
  ["lib/xdr/a.ts", `import { b } from "../rpc/b.ts";`, 'a.ts:1 imports "../rpc/b.ts": xdr imports'],
  ["lib/rpc/a.ts", `\nimport { b } from "../protocol/b.ts";`, 'a.ts:2 imports "../protocol/b.ts"'],
  ["lib/rpc/a.ts", `import type { Log } from "../log.ts";`, "rpc imports from xdr, time only"],
  ["lib/protocol/a.ts", `import {\n  b,\n  c,\n} from "../nsm/b.ts";`, "protocol imports from"],
  ["lib/nsm/a.ts", `import { b } from "../net/b.ts";`, "have the thing passed in"],
  ["lib/nsm/a.ts", `export * from "../store/b.ts";`, "nsm imports from"],
  ["lib/nsm/a.ts", `export type { B } from "../store/b.ts";`, "nsm imports from"],
  ["lib/net/a.ts", `import { b } from "../protocol/b.ts";`, "net imports from"],
  ["lib/net/a.ts", `import b, { c } from "../nsm/service.ts";`, "net imports from"],
  ["lib/store/a.ts", `import type { B } from "../rpc/b.ts";`, "store imports from"],
  ["lib/store/a.ts", `import { b } from "../nsm/service.ts";`, "store imports from"],
  ["lib/platform/a.ts", `import * as b from "../config/b.ts";`, "platform imports from"],
  ["lib/statd/a.ts", `import { b } from "../notify/b.ts";`, "statd imports from"],
  ["lib/statd/a.ts", `import { b } from "../nsm/notify/b.ts";`, "statd imports from"],
  ["lib/notify/a.ts", `import { b } from "../nsmctl/b.ts";`, "notify imports from"],
  ["lib/nsmctl/a.ts", `import { b } from "../statd/b.ts";`, "nsmctl imports from"],
  ["lib/nsm/a.ts", `import { b } from "./notify/b.ts";`, "nsm imports from"],
  ["lib/control/a.ts", `import { b } from "../commands/b.ts";`, "control imports from"],
  ["lib/config/a.ts", `import "../platform/b.ts";`, "config imports from"],
  ["lib/quote.ts", `import { b } from "./log.ts";`, "quote.ts imports none of ours"],
  ["lib/xdr/a.ts", `const b = () => import("../rpc/b.ts");`, 'imports "../rpc/b.ts"'],
  ["lib/xdr/a.ts", `type B = typeof import("../rpc/b.ts");`, 'imports "../rpc/b.ts"'],
  ["lib/commands/a.ts", `const b = (c: string) => import(c);`, "imports a computed path"],
  ["lib/commands/a.ts", "const b = (c: string) => import(`./${c}.ts`);", "imports a computed path"],
  ["lib/commands/a.ts", `import { b } from "../../test/support/b.ts";`, "tests use the program"],
  ["lib/commands/a.ts", `import { main } from "../../main.ts";`, "commands imports from"],
  ["main.ts", `import { b } from "./lib/nsm/b.ts";`, "main.ts imports from"],
  // Types only
  ["lib/nsm/a.ts", `import { logger } from "../log.ts";`, "say `import type`"],
  [
    "lib/net/a.ts",
    `import { type Clock, StoreError } from "../nsm/ports.ts";`,
    "say `import type`",
  ],
  ["lib/net/a.ts", `import { type Clock } from "../nsm/ports.ts";`, "say `import type`"],
  // Packages
  [
    "lib/config/a.ts",
    `import { parse } from "@std/ini";`,
    "only lib/config/ini_file.ts may import",
  ],
  [
    "lib/config/a.ts",
    `import { parseArgs } from "@std/cli/parse-args";`,
    "only lib/nsmctl/command.ts",
  ],
  ["lib/commands/a.ts", `import { getLogger } from "@std/log";`, "only lib/log.ts may import"],
  ["lib/config/a.ts", `import { join } from "@std/path";`, "may import @std/path"],
  ["lib/nsm/a.ts", `import { assert } from "@std/assert";`, "only test/ may import @std/assert"],
  ["test/a_test.ts", `import { join } from "@std/path/join";`, "may import @std/path"],
  ["lib/net/a.ts", `import dgram from "node:dgram";`, "use Deno's own interfaces"],
  ["main.ts", `import process from "node:process";`, "use Deno's own interfaces"],
  ["lib/net/a.ts", `import b from "npm:b@1";`, "needs a reason"],
  ["lib/net/a.ts", `import b from "https://example.net/b.ts";`, "needs a reason"],
  ["test/a_test.ts", `import b from "jsr:@std/async@1";`, "needs a reason"],
  // Deno, clock, chance
  ["lib/nsm/a.ts", `\n\nexport const b = () => Deno.pid;`, "a.ts:3 uses Deno"],
  ["lib/config/settings.ts", `export type B = Deno.Addr;`, "uses Deno"],
  ["lib/rpc/a.ts", "export const b = () => `${Deno.pid}`;", "uses Deno"],
  ["lib/quote.ts", `export const b = () => Deno.pid;`, "uses Deno"],
  ["lib/nsm/a.ts", `export const b = () => Date.now();`, "uses Date.now"],
  ["lib/rpc/a.ts", `export const b = () => setTimeout(() => {}, 1);`, "uses setTimeout"],
  ["lib/nsm/a.ts", `export const b = () => Math.random();`, "uses Math.random"],
  // Names, size, barrels, layout
  ["lib/nsm/hostName.ts", "", `is named "hostName.ts"`],
  ["lib/nsm/host-name.ts", "", "snake_case"],
  ["test/Nsm/a_test.ts", "", `is named "Nsm"`],
  ["lib/nsm/mod.ts", "", "is a barrel"],
  ["lib/nsm/a.ts", `import { b } from "./b/mod.ts";`, "import the file that has the thing"],
  ["lib/helpers/a.ts", "", "is no part of the layout"],
  ["lib/utils.ts", "", "is no part of the layout"],
  ["lib/nsm/a.ts", "\n".repeat(301), "a.ts:300 has 301 lines"],
  ["lib/nsm/a.ts", longFunction("export function b() {"), "a.ts:1 has a function of 61 lines"],
  ["lib/nsm/a.ts", longFunction("const b = (c: number) => {"), "has a function of 61 lines"],
  // Effects
  ["lib/net/a.ts", `export let b = 1;`, "a.ts:1 has a variable"],
  ["lib/net/a.ts", `const a = 1;\nlet b = a;`, "a.ts:2 has a variable"],
  ["lib/platform/a.ts", `export var b = 1;`, "a.ts:1 has a variable"],
  ["lib/net/a.ts", `start();`, "does something when imported"],
  ["lib/net/a.ts", `for (const b of []) {\n  b();\n}`, "a.ts:1 does something when imported"],
  ["lib/net/a.ts", `registry.set("a", 1);`, "does something when imported"],
  ["lib/net/a.ts", `export const b = Deno.listen({ port: 1 });`, "does something when imported"],
  ["lib/net/a.ts", `export const b = await start();`, "does something when imported"],
];

for (const [path, text, message] of bad) {
  Deno.test(`layers: ${path} may not have ${JSON.stringify(text).slice(0, 60)}`, pure, () => {
    const breaches = breachesOf(path, text);
    assertEquals(breaches.length, 1, breaches.join("\n"));
    assertStringIncludes(breaches[0]!, message);
  });
}

const good: readonly (readonly [path: string, text: string])[] = [
  ["lib/rpc/a.ts", `import { b } from "../xdr/b.ts";\nimport type { C } from "./c.ts";`],
  ["lib/nsm/a.ts", `import type { Log } from "../log.ts";\nimport { q } from "../quote.ts";`],
  ["lib/net/a.ts", `import { TransportError } from "../rpc/transport.ts";`],
  ["lib/net/a.ts", `import type { Resolver } from "../nsm/ports.ts";`],
  [
    "lib/store/a.ts",
    `import { StoreError } from "../nsm/ports.ts";\nimport { join } from "@std/path";`,
  ],
  ["lib/config/ini_file.ts", `import { parse } from "@std/ini";\nexport const a = () => Deno.pid;`],
  ["lib/nsmctl/command.ts", `import { parseArgs } from "@std/cli/parse-args";`],
  ["lib/log.ts", `import { Logger } from "@std/log/logger";\nexport const a = () => Deno.pid;`],
  ["lib/commands/a.ts", `import deno from "../../deno.json" with { type: "json" };`],
  ["lib/commands/a.ts", `import { b } from "../nsm/b.ts";\nimport { c } from "../log.ts";`],
  ["main.ts", `const a = await import("./lib/commands/a.ts");\nDeno.exit(await a.run());`],
  ["test/nsm/a_test.ts", `import { assert } from "@std/assert";\nimport dns from "node:dns";`],
  // Texts without an effect.
  ["lib/nsm/a.ts", `/** Unlike {@link Deno.listen}. */\n// import { b } from "../net/b.ts";`],
  ["lib/nsm/a.ts", `export const text = 'import { b } from "../net/b.ts"; Deno.exit()';`],
  ["lib/nsm/a.ts", "export const text = `\nDeno.exit() ${1 + 1} \nimport '../net/b.ts'`;"],
  ["lib/nsm/a.ts", `export const a = /["'\`/]Deno/;\nexport const b = "x"; // "`],
  ["lib/nsm/a.ts", `export const a = (b: number) => b / 2 / 1; // Deno`],
  ["lib/net/a.ts", `export const a = (): Deno.Addr => Deno.listen({ port: 0 }).addr;`],
  ["lib/net/a.ts", `export const a = new Map<\n  number,\n  string\n>([\n  [1, "b"],\n]);`],
  ["lib/net/a.ts", `export async function a(): Promise<void> {\n  await Deno.stat("b");\n}`],
  ["lib/platform/libc.ts", `let opened: number | undefined;`],
  ["lib/net/a.ts", "\n".repeat(300)],
];

for (const [path, text] of good) {
  Deno.test(`layers: ${path} may have ${JSON.stringify(text).slice(0, 60)}`, pure, () => {
    assertEquals(breachesOf(path, text), []);
  });
}

Deno.test("importsOf() finds every form of import, with its line", pure, () => {
  const text = [
    `import a from "./a.ts";`,
    `import type { B } from './b.ts';`,
    `import {\n  type C,\n  c,\n} from "./c.ts";`,
    `import * as d from "./d.ts";`,
    `import "./e.ts";`,
    `export { f } from "./f.ts";`,
    `export type * from "./g.ts";`,
    `const h = await import("./h.ts");`,
    `const i = import(h);`,
    `import type from "./j.ts";`,
    `export const k = import.meta.url;`,
  ].join("\n");
  assertEquals(
    importsOf(text, codeOf(text)).map(({ line, specifier, isTypeOnly }) =>
      `${line} ${specifier}${isTypeOnly ? " type" : ""}`
    ),
    [
      "1 ./a.ts",
      "2 ./b.ts type",
      "3 ./c.ts",
      "7 ./d.ts",
      "8 ./e.ts",
      "9 ./f.ts",
      "10 ./g.ts type",
      "11 ./h.ts",
      "12 undefined",
      "13 ./j.ts",
    ],
  );
});

Deno.test("functionsOf() measures every form of function", pure, () => {
  const functions: readonly string[] = [
    "function a() {\n}",
    "export async function a(\n  b: number,\n): Promise<{ c: number }> {\n  b();\n}",
    "  static async *#a({\n    b,\n  }: C) {\n    b();\n  }",
    "  get a(): number {\n    return 1;\n  }",
    "  constructor(\n    readonly a: number,\n  ) {}",
    "const a = async (b: number) => {\n  if (b) {\n  } else {\n  }\n};",
    "const a = (\n  b: number,\n) => {\n  b();\n};",
    "  [Symbol.dispose](): void {\n\n    b();\n  }",
  ];
  for (const text of functions) {
    const lines = text.split("\n").length;
    const measured = functionsOf(codeOf(`${text}\n`));
    const expected = text.endsWith("{}") ? [] : [{ line: 1, lines }];
    assertEquals(measured, expected, text);
  }
  const others = "a(\n  b,\n);\nif (\n  c\n) {\n  d();\n}\nconst e = {\n  f: 1,\n};\n";
  assertEquals(functionsOf(others), []);
});
