/** What is installed for monitoring fits what the programs say: alerts, dashboard, schemas. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import dashboard from "../../conf/grafana/nsm.json" with { type: "json" };
import smNotifySchema from "../../conf/sm-notify.schema.json" with { type: "json" };
import type { StatusReport } from "../../lib/control/status_report.ts";
import { reportLine, summaryLine } from "../../lib/notify/report.ts";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { metricsText } from "../../lib/statd/metrics.ts";
import { faultsOf, type Schema } from "../support/json_schema.ts";
import { readMetrics } from "../support/prometheus_text.ts";

const FOLDER = new URL("../../conf/prometheus/", import.meta.url);
const RULES = "nsm.rules.yml";
/** Where Debian's package has it, installed or unpacked. */
const PROMTOOLS = [
  "/usr/bin/promtool",
  new URL("../../.toolchain/drivers/usr/bin/promtool", import.meta.url).pathname,
];
const promtool = PROMTOOLS.find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** Names of all metrics that there are, and `up`, which Prometheus makes. */
function metricNames(): Set<string> {
  const report = { counters: makeCounters(), faults: [], degraded: [], callbacks: { pending: 0 } };
  const progress = { total: 0, told: 0, gaveUp: 0, forgotten: 0, failing: 0, startedAt: 0 };
  const rest = { version: "", health: "good", startedAt: new Date(0).toISOString() };
  const numbers = {
    residentBytes: 0,
    stateNumber: 1,
    peers: 0,
    registrations: 0,
    unresolvedPeers: 0,
    keptNotices: 0,
    toBeNotified: 4,
  };
  const text = metricsText(
    { ...report, ...rest, ...numbers } as unknown as StatusReport,
    { ...progress, pid: 1, stateNumber: 1, at: 0, peers: [] },
  );
  return new Set(["up", ...readMetrics(text).keys()]);
}

function namesIn(expression: string): string[] {
  return [...expression.matchAll(/\bnsm_\w+|\bup\b/g)].map(([name]) => name);
}

Deno.test("alerts and dashboard use metrics that exist", async () => {
  const names = metricNames();
  const rules = await Deno.readTextFile(new URL(RULES, FOLDER));
  const alerts = [...rules.matchAll(/^ +expr: (.*)$/gm)].map(([, expression]) => expression!);
  const panels = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert(alerts.length > 5 && panels.length > 5);
  for (const expression of [...alerts, ...panels]) {
    const used = namesIn(expression);
    assert(used.length > 0, expression);
    assertEquals(used.filter((name) => !names.has(name)), [], expression);
  }
});

Deno.test("each panel has a title, a place of its own and says what it shows", () => {
  const places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
  assertEquals(new Set(places).size, places.length);
  assertEquals(new Set(dashboard.panels.map(({ id }) => id)).size, places.length);
  assertEquals(dashboard.panels.filter(({ title }) => title === ""), []);
});

Deno.test("every alert has a test, and says what to do", async () => {
  const rules = await Deno.readTextFile(new URL(RULES, FOLDER));
  const tests = await Deno.readTextFile(new URL("nsm.rules.test.yml", FOLDER));
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name!);
  for (const name of alerts) assert(tests.includes(`alertname="${name}"`), name);
  assertEquals([...rules.matchAll(/^ +action: "/gm)].length, alerts.length);
});

const reason = promtool === undefined ? " (skipped: no promtool)" : "";

Deno.test(`promtool takes the alerts and their tests${reason}`, {
  ignore: promtool === undefined,
}, async () => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(promtool!, { args, cwd: FOLDER })
      .output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  };
  const checked = await run("check", "rules", RULES);
  assertEquals(checked.code, 0, checked.text);
  const tested = await run("test", "rules", "nsm.rules.test.yml");
  assertEquals(tested.code, 0, tested.text);
  // The tests would notice.
  const copy = await Deno.makeTempDir();
  try {
    const rules = await Deno.readTextFile(new URL(RULES, FOLDER));
    await Deno.writeTextFile(
      `${copy}/${RULES}`,
      rules.replace("nsm_health == 2", "nsm_health == 3"),
    );
    await Deno.copyFile(new URL("nsm.rules.test.yml", FOLDER), `${copy}/test.yml`);
    assertNotEquals((await run("test", "rules", `${copy}/test.yml`)).code, 0);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
});

Deno.test("lines of sm-notify --json fit their schema", () => {
  const record = { fileName: "a", monName: "a", myName: "\u0000me", modifiedAt: 0 };
  const counts = { total: 3, told: 1, forgotten: 1, gaveUp: 1, failing: 0 };
  const common = { record, attempts: 1, elapsedMs: 4.2 };
  const lines = [
    reportLine({
      ...common,
      outcome: "told",
      address: "192.0.2.1",
      transport: "udp",
      fault: undefined,
    }),
    reportLine({
      ...common,
      outcome: "gave up",
      address: undefined,
      transport: undefined,
      fault: "x",
    }),
    summaryLine(counts, 5),
  ];
  for (const line of lines) {
    const faults = faultsOf(
      JSON.parse(line),
      { $ref: "#/$defs/line" },
      smNotifySchema as unknown as Schema,
    );
    assertEquals(faults, [], line);
  }
});
