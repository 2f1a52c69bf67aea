import { assertEquals } from "@std/assert";
import {
  isOdd,
  nextStateNumber,
  stateNumberOfBoot,
  upStateNumber,
} from "../../lib/nsm/state_number.ts";

const pure = { permissions: "none" } as const;

Deno.test("upStateNumber() keeps an odd number and raises an even one", pure, () => {
  const cases = [[3, 3], [6, 7], [0, 1], [-1, -1], [-2, -1]] as const;
  for (const [stored, up] of cases) assertEquals(upStateNumber(stored), up);
});

Deno.test("nextStateNumber() goes to the next odd number and wraps", pure, () => {
  assertEquals(nextStateNumber(7), 9);
  assertEquals(nextStateNumber(6), 9);
  assertEquals(nextStateNumber(0x7fffffff), 0x80000001 | 0);
  assertEquals(nextStateNumber(-1), 1);
});

Deno.test("isOdd() works for negative numbers too", pure, () => {
  assertEquals([3, -1, 0x80000001 | 0, 2, 0, -2].map(isOdd), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("stateNumberOfBoot() is odd, positive and different for each boot", pure, () => {
  const cases = [
    ["6f6b1c2e-27a5-4a34-9f0e-2d1f6f1f9a11", 0x6f6b1c2f],
    ["ffffffff-27a5-4a34-9f0e-2d1f6f1f9a11", 0x7fffffff],
    ["00000000-27a5-4a34-9f0e-2d1f6f1f9a11", 1],
  ] as const;
  for (const [bootId, number] of cases) assertEquals(stateNumberOfBoot(bootId), number);
});
