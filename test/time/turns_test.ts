import { assert, assertEquals, assertRejects } from "@std/assert";
import { Turns } from "../../lib/time/turns.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;
const OPTIONS = { isOver: () => false };

function setUp() {
  const clock = new FakeClock();
  let worked = 0;
  // No turn ends during work.
  const turns = new Turns({ now: () => clock.now() + worked, afterTurn: clock.afterTurn });
  const taken: string[] = [];
  /** Steps of a quarter of a millisecond each. */
  function* steps(name: string, count: number) {
    for (let step = 0; step < count; step++) {
      taken.push(name);
      worked += 0.25;
      yield;
    }
  }
  return { clock, turns, taken, steps };
}

Deno.test("a turn is due behind 2 ms of work, and begins when it is asked for", pure, async () => {
  const { clock, turns, steps } = setUp();
  turns.work(() => Array.from(steps("a", 8)));
  assertEquals(turns.due, undefined);
  turns.work(() => Array.from(steps("a", 1)));
  assertEquals(clock.pending, 0);
  const { due } = turns;
  assertEquals([turns.due === due, clock.pending], [true, 1]);
  await clock.run(1);
  await due;
  assertEquals(turns.due, undefined);
});

Deno.test("begin() does short work at once, even behind long work", pure, () => {
  const { turns, taken, steps } = setUp();
  turns.begin(steps("long", 100));
  const begun = taken.length;
  assert(begun < 10);
  for (let i = 0; i < 20; i++) assert(turns.begin(steps("short", 1)));
  assertEquals(taken.length, begun + 20);
});

Deno.test(
  "finish() alternates between jobs in the order of their begin",
  pure,
  async () => {
    const { clock, turns, taken, steps } = setUp();
    const [a, b] = [steps("a", 100), steps("b", 100)];
    const beforeTurn: number[] = [];
    const spent: number[] = [];
    turns.begin(a);
    const first = turns.finish(a, { ...OPTIONS, spent: (ms) => spent.push(ms) });
    const second = turns.finish(b, OPTIONS);
    let done = 0;
    void first.then(() => done = 1);
    void second.then(() => done = 2);
    while (done < 2) {
      const before = taken.length;
      await clock.run(1);
      beforeTurn.push(taken.length - before);
    }
    // A slice of 2 ms, and the work before it was known to be long.
    assert(beforeTurn.every((steps) => steps <= 2 * 8 + 1), String(beforeTurn));
    assertEquals(taken, [...Array(100).fill("a"), ...Array(100).fill("b")]);
    assert(spent.length > 5 && spent.every((ms) => ms <= 2.25), String(spent));
  },
);

Deno.test("finish() leaves the rest undone when it is stopped", pure, async () => {
  const { clock, turns, taken, steps } = setUp();
  let isOver = false;
  const rest = turns.finish(steps("a", 100), { isOver: () => isOver });
  isOver = true;
  await clock.run(100);
  await rest;
  assert(taken.length < 20);
});

Deno.test("finish() passes on exceptions of a step", pure, async () => {
  const { clock, turns, steps } = setUp();
  function* failing() {
    yield* steps("a", 30);
    throw new Error("no more");
  }
  const failed = assertRejects(() => turns.finish(failing(), OPTIONS), Error, "no more");
  await clock.run(100);
  await failed;
});
