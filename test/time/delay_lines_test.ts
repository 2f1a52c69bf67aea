import { assertEquals } from "@std/assert";
import { DelayLines } from "../../lib/time/delay_lines.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

Deno.test("DelayLines return due items, the longest due first, with one timer", pure, () => {
  const clock = new FakeClock();
  const taken: string[] = [];
  const lines = new DelayLines<string>(clock, () => {
    for (let item = lines.take(); item !== undefined; item = lines.take()) {
      taken.push(`${item} at ${clock.now()}`);
    }
  });
  lines.add("long", 50);
  clock.advance(10);
  lines.add("short", 20);
  lines.add("gone", 20);
  lines.add("short too", 20);
  lines.delete("gone");
  assertEquals(clock.pending, 1);
  clock.advance(100);
  assertEquals(taken, ["short at 30", "short too at 30", "long at 50"]);
  assertEquals(clock.pending, 0);
});

Deno.test("DelayLines keep due items until there is room", pure, () => {
  const clock = new FakeClock();
  let calls = 0;
  const lines = new DelayLines<string>(clock, () => calls++);
  lines.add("a", 5);
  clock.advance(100);
  assertEquals([calls, lines.take(), lines.take()], [1, "a", undefined]);
  lines.add("b", 5);
  lines.clear();
  clock.advance(100);
  assertEquals([calls, clock.pending], [1, 0]);
});
