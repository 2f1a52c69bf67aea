import { assertEquals, assertThrows } from "@std/assert";
import schema from "../../conf/nsmctl.schema.json" with { type: "json" };
import { metricsText } from "../../lib/statd/metrics.ts";
import type { StatusReport } from "../../lib/control/status_report.ts";
import { COUNTERS, makeCounters } from "../../lib/nsm/counters.ts";
import { readMetrics } from "../support/prometheus_text.ts";

const pure = { permissions: "none" } as const;

const REPORT: StatusReport = {
  version: '1.0"\\',
  pid: 1,
  uid: 2,
  startedAt: "2026-01-02T03:04:05.678Z",
  uptimeSeconds: 3,
  residentBytes: 5_000_000,
  stateNumber: 7,
  stateDirectory: "/s",
  transports: [],
  registrationFault: "gone",
  health: "degraded",
  faults: ["EVIL"],
  peers: 8,
  registrations: 9,
  unresolvedPeers: 1,
  keptNotices: 0,
  toBeNotified: 4,
  callbacks: { pending: 2 },
  counters: { ...makeCounters(), calls_mon: 4, callbacks_done: 5, log_errors: 6 },
  degraded: ["a", "b"],
  problems: [],
};

Deno.test("metricsText() is valid for Prometheus", pure, () => {
  const families = readMetrics(metricsText(REPORT));
  const value = (name: string, labels = "") => families.get(name)?.samples.get(labels);
  assertEquals(value("nsm_info", '{version="1.0\\"\\\\"}'), 1);
  assertEquals(value("nsm_start_time_seconds"), 1767323045.678);
  assertEquals(value("nsm_peers"), 8);
  assertEquals(value("nsm_rpcbind_registered"), 0);
  assertEquals(value("nsm_degraded"), 2);
  assertEquals(value("nsm_calls_total", '{procedure="SM_MON"}'), 4);
  assertEquals(value("nsm_callbacks_done_total"), 5);
  assertEquals(value("nsm_log_messages_total", '{level="error"}'), 6);
});

Deno.test("metricsText() has every counter", pure, () => {
  const families = readMetrics(metricsText(REPORT));
  const labelled = families.get("nsm_calls_total")!.samples.size;
  const others = Object.keys(COUNTERS).filter((name) => families.has(`nsm_${name}_total`));
  assertEquals(labelled + others.length, Object.keys(COUNTERS).length);
});

Deno.test("the schema of nsmctl status has every counter", pure, () => {
  const { properties, required } = schema.$defs.running.properties.counters;
  const names = [...Object.keys(COUNTERS), "log_errors", "log_warnings"];
  assertEquals([Object.keys(properties), required], [names, names]);
});

Deno.test("readMetrics() is strict", pure, () => {
  const good = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n";
  assertEquals(readMetrics(good).size, 1);
  const bad = [
    good.slice(0, -1),
    good + good,
    good.replace("a_total 1", "a_total one"),
    good.replace("a_total 1", "b_total 1"),
    good.replace("counter", "gauge"),
    good.replace("# HELP a_total A.\n", ""),
    good + "a_total 1\n",
    good.replace("a_total 1", 'a_total{x="\n"} 1'),
    "# HELP a_total A.\n# TYPE a_total counter\n",
  ];
  for (const text of bad) assertThrows(() => readMetrics(text), Error);
});
