import { assertEquals } from "@std/assert";
import { type AskDns, QuickDns } from "../../lib/net/quick_dns.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

const pure = { permissions: "none" } as const;

/**
 * Answers for names below `known`, denies names below `none`, and is silent for all other names.
 */
const ask: AskDns = (name, type, signal) => {
  if (name.endsWith(".known")) return Promise.resolve(type === "A" ? ["10.0.0.1"] : ["FD00::1"]);
  if (name.endsWith(".none")) return Promise.resolve([]);
  if (name.endsWith(".half")) {
    return type === "A" ? Promise.reject(new Error("refused")) : Promise.resolve(["fd00::1"]);
  }
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
};

const RULES = { server: "127.0.0.53", dots: 1, isLocalElsewhere: false };

function world() {
  const clock = new SimulatedClock();
  const resolver = new FakeResolver();
  return { clock, resolver, dns: new QuickDns(resolver, RULES, ask, clock) };
}

Deno.test("QuickDns gives both families, each address in canonical spelling", pure, async () => {
  const { clock, dns, resolver } = world();
  assertEquals(await clock.until(dns.addressesOf("peer.known")), {
    outcome: "found",
    value: { canonicalName: "peer.known", addresses: ["10.0.0.1", "fd00::1"] },
  });
  assertEquals(resolver.asked, []);
});

Deno.test("QuickDns leaves names that it cannot find to the resolver", pure, async () => {
  const { clock, dns, resolver } = world();
  for (const name of ["peer.none", "peer.half", "peer.dark", "peer", "10.0.0.1"]) {
    await clock.until(dns.addressesOf(name));
  }
  assertEquals(resolver.asked, ["peer.none", "peer.half", "peer.dark", "peer", "10.0.0.1"]);
  assertEquals(clock.now(), 1500);
});

Deno.test("names without an answer delay other names for seconds only", pure, async () => {
  const { clock, dns } = world();
  const dark = Array.from({ length: 1000 }, (_, i) => dns.addressesOf(`peer${i}.dark`));
  const found = await clock.until(dns.addressesOf("peer.known"));
  assertEquals(found.outcome, "found");
  assertEquals(clock.now(), 7500); // a thousand in rounds of 200
  await clock.until(Promise.all(dark));
});
