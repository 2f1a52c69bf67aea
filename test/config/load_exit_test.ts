import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import { inFull, OPTION_CASES, toEnd } from "./option_cases.ts";
import { type Given, smNotify, statd } from "./starts.ts";

for (const { program, args, conf, ours, ...rest } of OPTION_CASES) {
  const end = inFull(ours ?? rest);
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

/** What is printed for some arguments. */
function printed(load: typeof statd | typeof smNotify, given: Given): readonly string[] {
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
  assertStringIncludes(usage, "\n  -n, --no-update-state            Do not advance ");
  assertStringIncludes(usage, "\n  -m, --retry-time=MINUTES ");
});
