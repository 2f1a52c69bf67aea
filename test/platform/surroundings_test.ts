import { assert, assertEquals, assertMatch } from "@std/assert";
import { missingSurroundings } from "../../lib/platform/surroundings.ts";

Deno.test("missingSurroundings() finds nothing here, and raises a low soft limit", () => {
  assertEquals(missingSurroundings(), undefined);
  const line = /^Max open files +(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  assert(Number(line![1]) >= 24);
});

Deno.test("missingSurroundings() says what to do without /proc", () => {
  assertMatch(missingSurroundings("/nowhere/task/1")!, /mount -t proc/);
});

Deno.test("missingSurroundings() leaves a write beyond RLIMIT_FSIZE to fail with EFBIG", () => {
  missingSurroundings();
  const ignored = /^SigIgn:\s*([0-9a-f]+)/m.exec(Deno.readTextFileSync("/proc/self/status"))![1]!;
  assert((BigInt(`0x${ignored}`) >> 24n) & 1n);
});
