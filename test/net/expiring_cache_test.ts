import { assertEquals } from "@std/assert";
import { ExpiringCache } from "../../lib/net/expiring_cache.ts";
import { seededRandom } from "../support/seeded_random.ts";

const pure = { permissions: "none" } as const;

Deno.test("get() returns a value until it expires", pure, () => {
  const cache = new ExpiringCache<number>(10);
  cache.set("a", 1, 100);
  assertEquals([cache.get("a", 99), cache.get("a", 100), cache.get("b", 0)], [
    1,
    undefined,
    undefined,
  ]);
  assertEquals(cache.size, 0);
});

Deno.test("the cache keeps the most recently used values, like a linear list", pure, () => {
  const { random, seed } = seededRandom();
  const cache = new ExpiringCache<number>(5);
  let list: { key: string; value: number; expiresAt: number }[] = [];
  for (let now = 0; now < 10_000; now++) {
    const key = "abcdefgh"[random(8)]!;
    const found = list.find((entry) => entry.key === key);
    list = list.filter((entry) => entry.key !== key);
    if (random(2) === 0) {
      const entry = { key, value: now, expiresAt: now + random(20) };
      cache.set(key, entry.value, entry.expiresAt);
      list = [...list, entry].slice(-5);
    } else {
      const isGood = found !== undefined && found.expiresAt > now;
      if (isGood) list.push(found);
      assertEquals(cache.get(key, now), isGood ? found.value : undefined, `seed ${seed}`);
    }
    assertEquals(cache.size, list.length, `seed ${seed}`);
  }
});
