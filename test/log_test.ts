import { assertEquals } from "@std/assert";
import { formatLine, isJournal, type LogLevel, makeLog, thresholdOf } from "../lib/log.ts";
import { sourceProgram } from "./support/test_programs.ts";

const pure = { permissions: "none" } as const;
const LEVELS: LogLevel[] = ["error", "warning", "notice", "info", "debug"];

/** Log, and the messages that passed it. */
function recorded(threshold: LogLevel) {
  const lines: string[] = [];
  const sink = {
    write: (level: LogLevel, message: string) => void lines.push(`${level}: ${message}`),
  };
  return { log: makeLog(threshold, [sink]), lines };
}

for (const [index, threshold] of LEVELS.entries()) {
  Deno.test(`makeLog() with threshold ${threshold} drops less important messages`, pure, () => {
    const { log, lines } = recorded(threshold);
    log.error("a");
    log.warning("b");
    log.notice("c");
    log.info("d");
    log.debug(() => "e");
    const all = ["error: a", "warning: b", "notice: c", "info: d", "debug: e"];
    assertEquals(lines, all.slice(0, index + 1));
    assertEquals(log.threshold, threshold);
  });
}

Deno.test("a line has the system's words without the runtime's error numbers", pure, () => {
  const { log, lines } = recorded("debug");
  log.error("Cannot open /run/a: No such file or directory (os error 2): open '/run/a'");
  assertEquals(lines, ["error: Cannot open /run/a: No such file or directory: open '/run/a'"]);
});

Deno.test("makeLog() builds the text of a debug message only when it is logged", pure, () => {
  const { log, lines } = recorded("info");
  log.debug(() => {
    throw new Error("made without need");
  });
  log.threshold = "debug";
  log.debug(() => "wanted");
  log.threshold = "error";
  log.debug(() => "dropped");
  assertEquals(lines, ["debug: wanted"]);
});

Deno.test("makeLog() writes to every sink", pure, () => {
  const seen: number[] = [];
  const log = makeLog("notice", [1, 2].map((n) => ({ write: () => void seen.push(n) })));
  log.notice("a");
  assertEquals(seen, [1, 2]);
});

Deno.test("makeLog() writes any message on one line", pure, () => {
  const { log, lines } = recorded("notice");
  log.error("Error: no\n    at a (b.ts:1)\n    at c\n");
  log.error("colour \x1b[31m, bell \x07, \ttab, return\r");
  log.error("colour \x9b31m, reversed \u202e");
  log.error("100% of ${this} {is} plain");
  assertEquals(lines, [
    "error: Error: no | at a (b.ts:1) | at c",
    "error: colour ?[31m, bell ?, ?tab, return",
    "error: colour ?31m, reversed ?",
    "error: 100% of ${this} {is} plain",
  ]);
});

Deno.test("thresholdOf() counts verbosity as macOS does", pure, () => {
  assertEquals([0, 1, 2, 3, 9].map(thresholdOf), [
    "warning",
    "notice",
    "info",
    "debug",
    "debug",
  ]);
});

Deno.test("formatLine() gives each destination its form", pure, () => {
  assertEquals(formatLine("plain", "rpc.statd", "error", 'a "b"'), 'rpc.statd: a "b"\n');
  const priorities = LEVELS.map((level) => formatLine("journal", "rpc.statd", level, "a"));
  assertEquals(priorities, ["<3>a\n", "<4>a\n", "<5>a\n", "<6>a\n", "<7>a\n"]);
  const { time, pid, ...rest } = JSON.parse(formatLine("json", "rpc.statd", "notice", 'a "b"'));
  assertEquals(rest, { level: "notice", program: "rpc.statd", message: 'a "b"' });
  assertEquals(new Date(time).toISOString(), time);
  assertEquals(pid, Deno.pid);
});

Deno.test("isJournal() knows whether stderr is the stream that the variable names", () => {
  const { dev, ino } = Deno.statSync("/proc/self/fd/2");
  assertEquals(isJournal(`${dev}:${ino}`), true);
  assertEquals(isJournal(`${dev}:${ino! + 1}`), false);
  assertEquals(isJournal(undefined), false);
  assertEquals(isJournal(""), false);
});

Deno.test("stderrSink() survives the end of its reader", async () => {
  const child = sourceProgram.spawn(["log"]);
  await child.stderr.cancel();
  await child.stdin.close();
  const { code, stdout } = await child.output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, '"alive"\n']);
});
