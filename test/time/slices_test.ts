import { assertEquals, assertRejects } from "@std/assert";
import { inSlices } from "../../lib/time/slices.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

function setUp(count: number, msEach: number) {
  const fake = new FakeClock();
  const clock = { now: () => fake.now(), startTimer: fake.startTimer };
  const taken: number[] = [];
  const stopping = new AbortController();
  function* work() {
    for (let step = 0; step < count; step++) {
      taken.push(step);
      fake.advance(msEach);
      yield;
    }
  }
  const rest = inSlices(work(), { clock, signal: stopping.signal });
  return { fake, taken, stopping, rest };
}

Deno.test("inSlices() handles quick items at once", pure, () => {
  const { taken, rest } = setUp(1000, 0);
  assertEquals([taken.length, rest], [1000, undefined]);
});

Deno.test(
  "inSlices() yields to other work, and keeps the order",
  pure,
  async () => {
    const { fake, taken, rest } = setUp(100, 1);
    assertEquals(taken.length, 8);
    await fake.run(1);
    assertEquals(taken.length, 16);
    await fake.run(200);
    await rest;
    assertEquals(taken, [...Array(100).keys()]);
  },
);

Deno.test("inSlices() ends when it is stopped", pure, async () => {
  const { fake, taken, stopping, rest } = setUp(100, 1);
  stopping.abort();
  await fake.run(200);
  await rest;
  assertEquals(taken.length, 8);
});

Deno.test("inSlices() passes on exceptions", pure, async () => {
  const clock = new FakeClock();
  function* work() {
    for (let i = 0; i < 50; i++) {
      clock.advance(1);
      yield i;
    }
    throw new Error("no more");
  }
  const parts = { clock: { now: () => clock.now(), startTimer: clock.startTimer } };
  const rest = inSlices(work(), { ...parts, signal: new AbortController().signal });
  const failed = assertRejects(() => rest!, Error, "no more");
  await clock.run(200);
  await failed;
});
