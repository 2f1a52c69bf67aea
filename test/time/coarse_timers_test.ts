import { assertEquals } from "@std/assert";
import { coarseTimers } from "../../lib/time/coarse_timers.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

Deno.test("coarseTimers() runs actions late by less than 20 ms, never early", pure, () => {
  const clock = new FakeClock();
  const start = coarseTimers(clock);
  const ran: number[] = [];
  clock.advance(5);
  for (const ms of [0, 10, 15, 16, 2000]) start(ms, () => ran.push(ms));
  assertEquals(clock.pending, 3);
  clock.advance(15);
  assertEquals(ran, [0, 10, 15]);
  clock.advance(20);
  assertEquals(ran, [0, 10, 15, 16]);
  clock.advance(2000);
  assertEquals(ran, [0, 10, 15, 16, 2000]);
  assertEquals(clock.pending, 0);
});

Deno.test(
  "coarseTimers() skips cancelled actions, also if another action cancelled them",
  pure,
  () => {
    const clock = new FakeClock();
    const start = coarseTimers(clock);
    const ran: string[] = [];
    start(10, () => {
      ran.push("a");
      cancel();
    });
    const cancel = start(10, () => ran.push("b"));
    start(10, () => ran.push("c"))();
    clock.advance(100);
    assertEquals(ran, ["a"]);
  },
);
