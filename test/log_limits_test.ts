import { assertEquals, assertMatch } from "@std/assert";
import { limited } from "../lib/log_limits.ts";
import { RecordingLog } from "./support/recording_log.ts";
import { SimulatedClock } from "./support/simulated_clock.ts";

const pure = { permissions: "none" } as const;

function limitedTo(lines: number, intervalMs: number, total = Infinity) {
  const log = new RecordingLog();
  const clock = new SimulatedClock();
  return { log, clock, say: limited(log, clock, { lines, total, intervalMs }) };
}

Deno.test(
  "limited() passes some messages, and reports at the end how many were left out",
  pure,
  async () => {
    const { log, clock, say } = limitedTo(2, 10_000);
    for (let i = 1; i <= 5; i++) say("warning", "call refused", () => `refused ${i}`);
    assertEquals(log.lines, ["warning: refused 1", "warning: refused 2"]);
    await clock.pass(10_000);
    assertEquals(log.lines.slice(2), ["warning: 3 more messages like this in 10 s: call refused"]);
  },
);

Deno.test(
  "limited() starts over after an interval, silently if nothing was left out",
  pure,
  async () => {
    const { log, clock, say } = limitedTo(1, 10_000);
    say("info", "a", () => "a 1");
    await clock.pass(10_001);
    say("error", "a", () => "a 2");
    await clock.pass(10_001);
    assertEquals(log.lines, ["info: a 1", "error: a 2"]);
  },
);

Deno.test("limited() counts each key by itself", pure, () => {
  const { log, say } = limitedTo(1, 10_000);
  for (const key of ["a", "b", "a", "b"]) say("notice", key, () => key);
  assertEquals(log.lines, ["notice: a", "notice: b"]);
});

Deno.test("limited() does not build a text that is left out", pure, () => {
  const { say } = limitedTo(0, 10_000);
  say("notice", "a", () => {
    throw new Error("made without need");
  });
});

Deno.test(
  "limited() keeps its memory and its lines few, however many keys there are",
  pure,
  async () => {
    const { log, clock, say } = limitedTo(1, 10_000);
    for (let i = 0; i < 10_000; i++) say("notice", `key ${i}`, () => `line ${i}`);
    assertEquals(log.lines.length, 257);
    await clock.pass(10_000);
    assertEquals(log.lines.slice(257), [
      "warning: 9743 more messages like this in 10 s: of many kinds",
    ]);
  },
);

Deno.test("operator D29: one cap and one summary hold over all sources", pure, async () => {
  const { log, clock, say } = limitedTo(5, 60_000, 20);
  const from = (source: number) => `doubtful SM_NOTIFY from 10.0.0.${source}`;
  for (let i = 0; i < 1000; i++) {
    const source = 2 + (i % 100 < 50 ? i % 50 : i % 3);
    say("warning", from(source), () => `line ${i}`);
  }
  assertEquals(log.lines.length, 20);
  say("error", "the disk", () => "another level");
  assertEquals(log.lines.splice(0).at(-1), "error: another level");
  await clock.pass(60_000);
  const top = [2, 3, 4].map(from);
  const [summary, ...others] = log.lines;
  assertMatch(summary!, /^warning: 980 more messages like this in 60 s: .*, and 47 other kinds$/);
  for (const source of top) assertEquals(summary!.includes(source), true, source);
  assertEquals(others, []);
});
