import { assertEquals } from "@std/assert";
import { declaredState } from "../../lib/nsm/administration.ts";

const pure = { permissions: "none" } as const;

Deno.test("declaredState() differs from the last state and is even", pure, () => {
  const states: readonly (readonly [number, number])[] = [
    [0, 2],
    [1, 2],
    [2, 4],
    [5, 6],
    [6, 8],
    [-1, 2],
    [-7, 2],
    [0x7fffffff, 2],
    [0x7ffffffe, 2],
    [-0x80000000, 2],
  ];
  for (const [last, declared] of states) assertEquals(declaredState(last), declared, `${last}`);
});
