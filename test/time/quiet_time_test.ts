import { assert, assertEquals } from "@std/assert";
import { QuietTime } from "../../lib/time/quiet_time.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

function setUp(tidyingMs = 0) {
  const clock = new FakeClock();
  let tidied = 0;
  const quietTime = new QuietTime(clock, () => {
    tidied++;
    clock.advance(tidyingMs);
  });
  const work = (pieces: number) => {
    for (let i = 0; i < pieces; i++) quietTime.worked();
  };
  return { clock, work, tidied: () => tidied };
}

Deno.test("little work starts no garbage collection and no timer", pure, () => {
  const { clock, work, tidied } = setUp();
  work(1_999);
  assertEquals(clock.pending, 0);
  clock.advance(3_600_000);
  assertEquals(tidied(), 0);
});

Deno.test("after much work garbage is collected once, as soon as work stops", pure, () => {
  const { clock, work, tidied } = setUp();
  work(2_000);
  for (let i = 0; i < 100; i++) {
    clock.advance(100);
    work(1);
  }
  assertEquals(tidied(), 0);
  clock.advance(400);
  assertEquals([tidied(), clock.pending], [1, 0]);
  work(1_999);
  assertEquals(clock.pending, 0);
  work(1);
  clock.advance(400);
  assertEquals([tidied(), clock.pending], [2, 0]);
});

Deno.test(
  "garbage is collected for a hundredth of the time at most, whatever callers do",
  pure,
  () => {
    const { clock, work, tidied } = setUp(80);
    const [beganMs, lastsMs] = [clock.now(), 60_000];
    while (clock.now() - beganMs < lastsMs) {
      work(2_000);
      clock.advance(400);
    }
    assert(tidied() > 1 && tidied() * 80 <= lastsMs / 100 + 80, `${tidied()} times`);
  },
);
