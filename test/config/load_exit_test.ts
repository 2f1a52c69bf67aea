import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import { OPTION_CASES, ourEnd, toEnd } from "./option_cases.ts";
import { type Given, rpcbind, smNotify, statd } from "./starts.ts";

for (const each of OPTION_CASES) {
  const { program, args, conf } = each;
  const end = ourEnd(each);
  const [symbol, load] = program === "rpc.statd"
    ? ["loadStatdSettings", statd] as const
    : ["loadSmNotifySettings", smNotify] as const;
  const after = conf === undefined ? "" : ` after ${JSON.stringify(conf)}`;
  const name = `${symbol}() ends with ${end.status} for ${JSON.stringify(args)}${after}`;
  Deno.test(name, { permissions: "none" }, () => {
    const outcome = load({ args, ...(conf === undefined ? {} : { conf }) });
    assert(outcome.kind === "exit");
    assertEquals(toEnd(outcome.status, outcome.stdout, outcome.stderr), end);
  });
}

type Load = typeof statd | typeof smNotify | typeof rpcbind;

/** Output for some arguments. */
function printed(load: Load, given: Given): readonly string[] {
  const outcome = load(given);
  assert(outcome.kind === "exit");
  return [outcome.stdout, outcome.stderr];
}

Deno.test("loadStatdSettings() gives the project's version", { permissions: "none" }, () => {
  assertEquals(printed(statd, { args: ["-v"] }), [`rpc.statd version ${project.version}\n`, ""]);
});

Deno.test("loadStatdSettings() lists every option in its usage", { permissions: "none" }, () => {
  const [, usage = ""] = printed(statd, { args: ["-h"] });
  assertStringIncludes(usage, "usage: rpc.statd [options]\n  -h, -?, --help ");
  assertStringIncludes(usage, "\n      --check-config ");
  assertStringIncludes(usage, "\n  -P, --state-directory-path=DIR ");
  assertStringIncludes(usage, "\n  -U, --nlm-udp-port=PORT ");
});

Deno.test("loadSmNotifySettings() lists every option in its usage", { permissions: "none" }, () => {
  const [, usage = ""] = printed(smNotify, { args: ["--help"] });
  assertStringIncludes(usage, "usage: sm-notify [options]\n      --help ");
  assertStringIncludes(usage, "\n  -n, --no-update-state           Do not advance ");
  assertStringIncludes(usage, "\n  -m, --retry-time=MINUTES ");
});

Deno.test("D25: the usage fits the terminal", { permissions: "none" }, () => {
  const cases: readonly [columns: number, longest: number][] = [[40, 40], [80, 80], [200, 80]];
  for (const load of [statd, smNotify, rpcbind]) {
    for (const [width, longest] of cases) {
      const [, usage = ""] = printed(load, { args: ["--help"], width });
      const tooLong = usage.split("\n").filter(({ length }) => length > longest);
      assertEquals(tooLong, []);
    }
  }
});

Deno.test("D25: a mistyped option is one line and what may have been meant", {
  permissions: "none",
}, () => {
  const cases: readonly [load: Load, wrong: string, meant: string][] = [
    [statd, "--foregruond", "--foreground"],
    [statd, "--prot=5", "--port"],
    [smNotify, "--dryrun", "--dry-run"],
    [rpcbind, "--forground", "--foreground"],
  ];
  for (const [load, wrong, meant] of cases) {
    const [, stderr = ""] = printed(load, { args: [wrong] });
    const lines = stderr.split("\n");
    assertEquals(lines.length, 3, stderr);
    assertStringIncludes(lines[0]!, `unrecognized option '${wrong}'; did you mean "${meant}"?`);
  }
});
