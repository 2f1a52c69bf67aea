import { assertEquals } from "@std/assert";
import { Alarm } from "../../../lib/nsm/notify/alarm.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

/** Alarm, its clock, and the number of its rings. */
function alarmed() {
  const clock = new FakeClock();
  const rung = { times: 0 };
  const alarm = new Alarm(clock, () => rung.times++);
  const start = clock.now();
  return { clock, rung, set: (ms: number) => alarm.set(start + ms) };
}

Deno.test("Alarm rings once at its time", pure, () => {
  const { clock, rung, set } = alarmed();
  set(100);
  clock.advance(99);
  assertEquals(rung.times, 0);
  clock.advance(1);
  assertEquals([rung.times, clock.pending], [1, 0]);
});

Deno.test("Alarm.set() moves the alarm, and does nothing if the time is unchanged", pure, () => {
  const { clock, rung, set } = alarmed();
  for (const ms of [100, 100, 200, 200, 50]) set(ms);
  assertEquals(clock.pending, 1);
  clock.advance(50);
  clock.advance(150);
  assertEquals(rung.times, 1);
});

Deno.test("Alarm.set() to Infinity stops the alarm, which can be set again", pure, () => {
  const { clock, rung, set } = alarmed();
  set(100);
  set(Infinity);
  assertEquals(clock.pending, 0);
  set(100);
  clock.advance(100);
  set(100);
  clock.advance(1);
  assertEquals(rung.times, 2);
});
