import { assertEquals } from "@std/assert";
import type { HostAddresses, Lookup } from "../../lib/nsm/ports.ts";
import { WatchedResolver } from "../../lib/nsm/watched_resolver.ts";

Deno.test("operator B: a silent name service is a fault until it answers", async () => {
  let answer: Lookup<HostAddresses> = { outcome: "tryLater", reason: "no answer in 2000 ms" };
  let lookups = 0;
  const resolver = new WatchedResolver({
    addressesOf: () => Promise.resolve(answer),
    nameOf: () => Promise.resolve({ outcome: "found", value: "name" }),
  }, () => lookups++);
  assertEquals(resolver.fault, undefined);
  await resolver.addressesOf("peer.example");
  assertEquals(resolver.fault, "no answer in 2000 ms");
  await resolver.nameOf("10.0.0.1");
  assertEquals(
    resolver.fault,
    "no answer in 2000 ms",
    "an answer to another question ends nothing",
  );
  answer = { outcome: "notFound", reason: "no such host" };
  await resolver.addressesOf("peer.example");
  assertEquals([resolver.fault, lookups], [undefined, 3]);
});
