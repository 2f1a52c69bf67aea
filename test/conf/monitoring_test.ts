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

Deno.test("each panel has a title, a place of its own and a description", () => {
  const places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
  assertEquals(new Set(places).size, places.length);
  assertEquals(new Set(dashboard.panels.map(({ id }) => id)).size, places.length);
  assertEquals(dashboard.panels.filter(({ title }) => title === ""), []);
});

/** Columns of Grafana's grid. */
const GRID_COLUMNS = 24;
/** Panels that are part of Grafana itself, of those that show numbers. */
const PANEL_TYPES = ["stat", "timeseries", "gauge", "table", "bargauge"];
/** Variables that a text uses: `$name`, `${name}`, and not `$__rate_interval` and the like of Grafana. */
const variablesIn = (text: string) =>
  [...text.matchAll(/\$\{?((?!__)\w+)/g)].map(([, name]) => name!);

Deno.test("the dashboard is one that Grafana imports", () => {
  const { panels, templating: { list: variables }, schemaVersion, uid, title } = dashboard;
  assert(schemaVersion >= 36 && title !== ""); // 36 is the first in which a data source is an object
  assert(/^[A-Za-z0-9_-]{1,40}$/.test(uid));
  const names = new Set(variables.map(({ name }) => name));
  const [first] = variables;
  assertEquals([first?.type, first?.query], ["datasource", "prometheus"], "asked for at import");
  const sources = [...panels, ...variables.slice(1)].map(({ datasource }) => datasource);
  for (const source of sources) {
    assertEquals(source, { type: "prometheus", uid: "${datasource}" }, "no one's own is fixed");
  }
  const known = metricNames();
  for (const { query } of variables.slice(1)) {
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
    assert(known.has(metric!) && label !== undefined, query);
  }
  const cells = new Set<string>();
  for (const { type, gridPos: { x, y, w, h }, targets, fieldConfig, options } of panels) {
    assert(PANEL_TYPES.includes(type), type);
    assert(x >= 0 && x + w <= GRID_COLUMNS, `${x} ${w}`);
    for (let row = y; row < y + h; row++) {
      for (let column = x; column < x + w; column++) {
        const cell = `${column} ${row}`;
        assert(!cells.has(cell), `two panels at ${cell}`);
        cells.add(cell);
      }
    }
    assertEquals(new Set(targets.map(({ refId }) => refId)).size, targets.length);
    assertEquals(new Set(targets.map(({ legendFormat }) => legendFormat)).size, targets.length);
    const texts = targets.flatMap(({ expr, legendFormat }) => [expr, legendFormat]);
    const used = texts.flatMap(variablesIn);
    assertEquals(used.filter((name) => !names.has(name)), []);
    assert(targets.every(({ expr }) => expr.includes('instance=~"$instance"')), "hosts are chosen");
    assert(typeof fieldConfig.defaults.unit === "string" && typeof options === "object");
  }
});

Deno.test("every alert has a test, and says what to do", async () => {
  const rules = await Deno.readTextFile(new URL(RULES, FOLDER));
  const tests = await Deno.readTextFile(new URL("nsm.rules.test.yml", FOLDER));
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name!);
  for (const name of alerts) assert(tests.includes(`alertname="${name}"`), name);
  assertEquals([...rules.matchAll(/^ +action: "/gm)].length, alerts.length);
});

const reason = promtool === undefined ? " (skipped: no promtool)" : "";

Deno.test(`promtool accepts the alerts and their tests${reason}`, {
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

Deno.test(`promtool parses what the dashboard asks${reason}`, {
  ignore: promtool === undefined,
}, async () => {
  const folder = await Deno.makeTempDir();
  const check = async (expressions: readonly string[]) => {
    const rules = expressions.map((expression, at) =>
      `  - record: dashboard:${at}\n    expr: ${JSON.stringify(expression)}\n`
    );
    const text = `groups:\n- name: dashboard\n  rules:\n${rules.join("")}`;
    await Deno.writeTextFile(`${folder}/rules.yml`, text);
    const args = ["check", "rules", `${folder}/rules.yml`];
    const { code, stdout, stderr } = await new Deno.Command(promtool!, { args }).output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  try {
    const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
      .map((expression) => expression.replaceAll("$instance", "server1|server2"));
    assertEquals(asked.filter((expression) => expression.includes("$")), []);
    const { code, text } = await check(asked);
    assertEquals(code, 0, text);
    assert(text.includes(`SUCCESS: ${asked.length} rules found`), text);
    assertNotEquals((await check([...asked, "rate(nsm_peers[5m]"])).code, 0, "it would notice");
  } finally {
    await Deno.remove(folder, { recursive: true });
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
