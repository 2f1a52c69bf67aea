import { assertEquals } from "@std/assert";
import { WatchPrinter } from "../../lib/nsmctl/watch.ts";
import { FakeTerminal } from "../support/fake_terminal.ts";

Deno.test("operator D19: watch prints date and UTC offset, and their changes", () => {
  const terminal = new FakeTerminal();
  const evening = new Date(2026, 10, 26, 23, 59, 58).getTime();
  let at = evening;
  const session = {
    programName: "nsmctl",
    stateDirectoryPath: "/s",
    isDefaultDirectory: true,
    terminal,
    timeoutMs: 1,
    now: () => at,
  };
  const printer = new WatchPrinter(session, false);
  for (const after of [0, 1_000, 2_000, 3_000]) {
    at = evening + after;
    printer.change({ change: "told", peer: "a.example", monitored: true, toBeNotified: false });
  }
  const distance = (moment: number) => {
    const minutes = -new Date(moment).getTimezoneOffset();
    const two = (value: number) => String(Math.trunc(Math.abs(value))).padStart(2, "0");
    return `UTC${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
  };
  const lines = terminal.printed.split("\n").map((line) => line.replace(/ told .*/, ""));
  assertEquals(lines, [
    `2026-11-26 ${distance(evening)}`,
    "23:59:58",
    "23:59:59",
    `2026-11-27 ${distance(at)}`,
    "00:00:00",
    "00:00:01",
    "",
  ]);
});
