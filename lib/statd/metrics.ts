/**
 * Prometheus metrics. Names, types and labels are an interface: alerts depend on them.
 *
 * Source: Prometheus text exposition format 0.0.4.
 */

import { CALL_COUNTERS, COUNTERS } from "../nsm/counters.ts";
import type { NotifyProgress } from "../store/notify_progress.ts";
import type { StatusReport } from "../control/status_report.ts";

/** Media type of the format. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const PREFIX = "nsm_";
const HEALTH = { good: 0, degraded: 1, failed: 2 } as const;
/** Counters that are samples of the family `calls_total`. */
const CALLS = new Set<string>(Object.values(CALL_COUNTERS));

/** Metrics of a daemon, in the text format. */
export function metricsText(report: StatusReport, progress?: NotifyProgress): string {
  const { counters } = report;
  const startedAt = Date.parse(report.startedAt) / 1000;
  const registered = report.registrationFault === undefined ? 1 : 0;
  return [
    gauge("info", "Constant 1, with the version.", 1, { version: report.version }),
    gauge("start_time_seconds", "When the daemon started, as Unix time.", startedAt),
    gauge("resident_memory_bytes", "Memory of the process.", report.residentBytes),
    gauge("state_number", "Our state number; -1 while it cannot be read.", report.stateNumber),
    gauge("peers", "Peers that are monitored.", report.peers),
    gauge("registrations", "Requests to monitor a peer.", report.registrations),
    gauge("unresolved_peers", "Peers without a known address.", report.unresolvedPeers),
    gauge("kept_notices", "Notices kept until more is known of peers.", report.keptNotices),
    gauge("callbacks_pending", "Callbacks under way or waiting.", report.callbacks.pending),
    gauge("rpcbind_registered", "1 while registered with rpcbind.", registered),
    gauge("health", "0 good, 1 degraded, 2 failed.", HEALTH[report.health]),
    gauge("faults", "Number of reasons why the health is not good.", report.faults.length),
    gauge("degraded", "Number of things that work less well.", report.degraded.length),
    ...progressGauges(progress),
    calls(counters),
    ...Object.entries(COUNTERS).filter(([name]) => !CALLS.has(name)).map(([name, help]) =>
      family(`${name}_total`, "counter", help, [[{}, counters[name] ?? 0]])
    ),
    family("log_messages_total", "counter", "Messages of the log by level.", [
      [{ level: "error" }, counters["log_errors"] ?? 0],
      [{ level: "warning" }, counters["log_warnings"] ?? 0],
    ]),
  ].join("");
}

/** Gauges of the last run of sm-notify; none before the first. */
function progressGauges(progress: NotifyProgress | undefined): string[] {
  if (progress === undefined) return [];
  const { total, told, gaveUp, forgotten, startedAt, endedAt } = progress;
  const left = total - told - gaveUp - forgotten;
  const seconds = (at: number) => Math.floor(at / 1000);
  return [
    gauge("notify_peers", "Peers that the last run of sm-notify had to tell.", total),
    gauge("notify_told", "Peers that the last run of sm-notify has told.", told),
    gauge("notify_given_up", "Peers that the last run of sm-notify has given up.", gaveUp),
    gauge("notify_left", "Peers that the last run of sm-notify has still to tell.", left),
    gauge("notify_start_time_seconds", "When that run began, as Unix time.", seconds(startedAt)),
    gauge(
      "notify_end_time_seconds",
      "When that run ended, as Unix time; 0 before.",
      seconds(endedAt ?? 0),
    ),
  ];
}

type Labels = Readonly<Record<string, string>>;

function gauge(name: string, help: string, value: number, labels: Labels = {}): string {
  return family(name, "gauge", help, [[labels, value]]);
}

function calls(counters: StatusReport["counters"]): string {
  const samples = Object.entries(CALL_COUNTERS).map(([procedure, name]) =>
    [{ procedure }, counters[name] ?? 0] as const
  );
  return family("calls_total", "counter", "Calls that were allowed, by procedure.", samples);
}

function family(
  name: string,
  type: "counter" | "gauge",
  help: string,
  samples: readonly (readonly [Labels, number])[],
): string {
  const full = PREFIX + name;
  const lines = samples.map(([labels, value]) => `${full}${labelText(labels)} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
