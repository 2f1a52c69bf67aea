import { assertEquals } from "@std/assert";
import { LiveLine, logAbove } from "../../lib/notify/live_line.ts";
import { ProgressReport, reportLine, summaryLine } from "../../lib/notify/report.ts";
import type { NotifyReport } from "../../lib/nsm/notify/notify_outcome.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

function outcome(
  outcome: NotifyReport["outcome"],
  fault?: string,
  address = "10.0.0.1",
): NotifyReport {
  const record = { fileName: address, monName: address, myName: "me", modifiedAt: 0 };
  return { record, outcome, address, transport: "udp", attempts: 1, elapsedMs: 1, fault };
}

function world(total: number, isTerminal = false) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const counts = { total, told: 0, forgotten: 0, gaveUp: 0, failing: 0 };
  const shown: string[] = [];
  const report = new ProgressReport({
    counts: () => counts,
    clock,
    log,
    totalMs: 900_000,
    nextTryMs: () => 7_600,
    line: isTerminal ? new LiveLine((text) => shown.push(text)) : undefined,
  });
  return { clock, log, counts, shown, report };
}

Deno.test("ProgressReport logs the start, a milestone and the end", pure, () => {
  const { clock, log, counts, report } = world(10);
  report.start(5);
  clock.advance(500);
  for (let told = 1; told <= 9; told++) {
    counts.told = told;
    report.settled(outcome("told"));
  }
  counts.failing = 1;
  clock.advance(240_000);
  counts.gaveUp = 1;
  report.end();
  assertEquals(log.lines, [
    "notice: Notifying 10 peers of state 5",
    "info: Told 9 of 10 peers in 0.5 s, 1 left",
    "notice: Told 9 of 10 peers in 60 s, 1 left, which does not answer",
    "notice: Told 9 of 10 peers in 2 min, 1 left, which does not answer",
    "notice: Told 9 of 10 peers in 4 min, 1 left, which does not answer",
    "notice: Told 9 of 10 peers in 4 min, 1 not reached",
  ]);
  assertEquals(clock.pending, 0);
});

Deno.test("D16: the end has a table of peers not notified, by reason", pure, () => {
  const { log, counts, report } = world(60);
  report.start(5);
  for (let i = 0; i < 50; i++) {
    const address = `10.0.0.${i}`;
    const fault = i < 2
      ? "no such host"
      : `Cannot call X at ${address} port 111: no answer in ${i} ms`;
    report.settled(outcome("gave up", fault, address));
  }
  for (let i = 0; i < 9; i++) report.settled(outcome("gave up", `fault ${i}`, "10.0.1.1"));
  Object.assign(counts, { told: 1, gaveUp: 59 });
  report.end();
  assertEquals(log.lines.slice(1), [
    "notice: Not told, and why (and 8 for other reasons):",
    'notice:   48  Cannot call X at its address port 111: no answer: "10.0.0.2", "10.0.0.3", "10.0.0.4", ...',
    'notice:    2  no such host: "10.0.0.0", "10.0.0.1"',
    'notice:    1  fault 0: "10.0.1.1"',
    "notice: Told 1 of 60 peers in 0.0 s, 59 not reached",
  ]);
});

Deno.test("ProgressReport draws a live line on a terminal, and clears it", pure, () => {
  const { clock, counts, shown, report, log } = world(4, true);
  report.start(5);
  counts.told = 2;
  counts.failing = 1;
  clock.advance(200);
  clock.advance(200);
  report.end();
  assertEquals(shown, [
    "\r\x1b[K2 of 4 peers told, 1 waiting, 1 failing, 10/s, 15 min left to try",
    "\r\x1b[K2 of 4 peers told, 1 waiting, 1 failing, 5.0/s, 15 min left to try",
    "\r\x1b[K",
  ]);
  assertEquals(log.lines.length, 2);
  assertEquals(clock.pending, 0);
});

Deno.test(
  "D16: once every peer was tried, the live line has the time of the next try",
  pure,
  () => {
    const { clock, counts, shown, report } = world(4, true);
    report.start(5);
    counts.told = 3;
    counts.failing = 1;
    clock.advance(200);
    report.end();
    const text = "3 of 4 peers told, 0 waiting, 1 failing, next try in 7.6 s, 15 min left to try";
    assertEquals(shown[0], `\r\x1b[K${text}`);
  },
);

Deno.test("D15: the live line is never wider than the terminal", pure, () => {
  const long = "x".repeat(78);
  for (
    const [columns, expected] of [[200, long], [80, long], [79, long], [78, "short"], [60, "short"]]
  ) {
    const shown: string[] = [];
    new LiveLine((text) => shown.push(text), () => Number(columns)).show(long, "short");
    assertEquals(shown, [`\r\x1b[K${expected}`], `${columns}`);
  }
  for (const columns of [0, 1, 4]) {
    const shown: string[] = [];
    new LiveLine((text) => shown.push(text), () => columns).show(long, "short");
    assertEquals(shown, [`\r\x1b[K${"short".slice(0, Math.max(0, columns - 1))}`]);
  }
});

Deno.test("logAbove() clears the live line once for several log lines", pure, () => {
  const shown: string[] = [];
  const line = new LiveLine((text) => shown.push(text));
  const recording = new RecordingLog();
  const log = logAbove(line, recording);
  log.error("a");
  line.show("1 told");
  log.warning("b");
  log.notice("c");
  log.info("d");
  log.debug(() => "e");
  line.show("2 told");
  assertEquals(shown, ["\r\x1b[K1 told", "\r\x1b[K", "\r\x1b[K2 told"]);
  assertEquals(recording.lines, ["error: a", "warning: b", "notice: c", "info: d", "debug: e"]);
});

Deno.test("results are lines of JSON for any name", pure, () => {
  const record = { fileName: 'a"\n\xff', monName: "a", myName: "me", modifiedAt: 0 };
  const line = reportLine({
    record,
    outcome: "gave up",
    address: undefined,
    transport: undefined,
    attempts: 2,
    elapsedMs: 12.6,
    fault: "silence",
  });
  assertEquals(line.split("\n").length, 2);
  assertEquals(JSON.parse(line), {
    name: 'a"\n\xff',
    my_name: "me",
    outcome: "gave up",
    address: null,
    transport: null,
    attempts: 2,
    elapsed_ms: 13,
    last_error: "silence",
  });
  const counts = { total: 3, told: 1, forgotten: 1, gaveUp: 1, failing: 0 };
  assertEquals(JSON.parse(summaryLine(counts, 7)), {
    state: 7,
    total: 3,
    told: 1,
    forgotten: 1,
    gave_up: 1,
  });
});
