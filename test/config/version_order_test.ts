import { assertEquals } from "@std/assert";
import { versionOrder } from "../../lib/config/version_order.ts";

Deno.test("versionOrder() sorts digits as strverscmp(3) documents", { permissions: "none" }, () => {
  const sorted = ["000", "00", "01", "010", "09", "0", "1", "9", "10"];
  assertEquals([...sorted].reverse().sort(versionOrder), sorted);
});

Deno.test("versionOrder() puts 9.conf before 10.conf", { permissions: "none" }, () => {
  const sorted = ["10-a.conf", "10-b.conf", "a.conf", "a9.conf", "a10.conf", "b.conf"];
  assertEquals([...sorted].reverse().sort(versionOrder), sorted);
  assertEquals(["10.conf", "9.conf"].sort(versionOrder), ["9.conf", "10.conf"]);
});

/** Results of the C library's strverscmp for random names. */
const OBSERVED: readonly [string, string, number][] = [
  ["009", "00", -1],
  ["0019", "00.a", -1],
  ["00", "0010.", 1],
  ["a1", "a", 1],
  ["a", "a", 0],
  ["1.0", "1.00", 1],
];

for (const [a, b, sign] of OBSERVED) {
  Deno.test(`versionOrder() compares "${a}" and "${b}" as C`, { permissions: "none" }, () => {
    assertEquals(Math.sign(versionOrder(a, b)), sign);
    assertEquals(Math.sign(versionOrder(b, a)), sign === 0 ? 0 : -sign);
  });
}
