import { assertEquals, assertMatch } from "@std/assert";
import { hostResolver, type NameFunctions, type ResolverLimits } from "../../lib/net/resolver.ts";
import type { Lookup } from "../../lib/nsm/ports.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

const LIMITS: ResolverLimits = {
  slots: 2,
  lineMax: 3,
  timeLimitMs: 8_000,
  cacheMax: 8,
  foundMs: 60_000,
  notFoundMs: 10_000,
  tryLaterMs: 2_000,
};

type Forward = Awaited<ReturnType<NameFunctions["addressesOfName"]>>;

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** Name service that answers at once from tables, or at the request of the test. */
class FakeNames implements NameFunctions {
  /** Questions, in order. */
  readonly asked: string[] = [];
  readonly forward = new Map<string, Forward>();
  readonly reverse = new Map<string, { code: number; name?: string }>();
  /** Look-ups that wait for the test, by question. */
  readonly held = new Map<string, () => void>();
  isHolding = false;

  addressesOfName(name: string): Promise<Forward> {
    return this.#answer(name, () => this.forward.get(name) ?? { code: -2 });
  }

  nameOfAddress(address: string): Promise<{ code: number; name?: string }> {
    return this.#answer(address, () => this.reverse.get(address) ?? { code: -2 });
  }

  async #answer<T>(question: string, answer: () => T): Promise<T> {
    this.asked.push(question);
    if (this.isHolding) await new Promise<void>((resolve) => this.held.set(question, resolve));
    return answer();
  }
}

function setUp(changes: Partial<ResolverLimits> = {}) {
  const clock = new FakeClock();
  const names = new FakeNames();
  const resolver = hostResolver(names, clock, { ...LIMITS, ...changes });
  return { clock, names, resolver };
}

/** Outcome of a look-up. */
function told(lookup: Lookup<unknown>): unknown {
  return lookup.outcome === "found" ? lookup.value : lookup.outcome;
}

Deno.test("addressesOf() gives the official name and each address once", pure, async () => {
  const { names, resolver } = setUp();
  names.forward.set("nodeb", {
    code: 0,
    canonicalName: "NodeB.example.net",
    addresses: ["192.0.2.2", "::ffff:192.0.2.2", "2001:DB8:0::2", "fe80::1%eth0", "junk"],
  });
  assertEquals(told(await resolver.addressesOf("NODEB")), {
    canonicalName: "NodeB.example.net",
    addresses: ["192.0.2.2", "2001:db8::2", "fe80::1%eth0"],
  });
});

Deno.test("a numeric address is its own, without a look-up", pure, async () => {
  const { names, resolver } = setUp();
  for (const [text, address] of [["::FFFF:192.0.2.1", "192.0.2.1"], ["FE80::1%lo", "fe80::1%lo"]]) {
    const expected = { canonicalName: address, addresses: [address] };
    assertEquals(told(await resolver.addressesOf(text!)), expected);
  }
  assertEquals(names.asked, []);
});

Deno.test("the three outcomes follow the codes of the C library", pure, async () => {
  const codes = new Map([[-2, "notFound"], [-5, "notFound"], [-9, "notFound"], [-12, "notFound"]]);
  for (const code of [-3, -4, -6, -10, -11, -99, 1]) codes.set(code, "tryLater");
  const { names, resolver } = setUp();
  for (const [code, outcome] of codes) {
    names.forward.set(`name${code}`, { code });
    names.reverse.set(`192.0.2.${code & 0xff}`, { code });
    const answers = [
      await resolver.addressesOf(`name${code}`),
      await resolver.nameOf(`192.0.2.${code & 0xff}`),
    ];
    assertEquals(answers.map(told), [outcome, outcome], `${code}`);
    for (const answer of answers) {
      assertEquals("reason" in answer && answer.reason.length > 10, true);
    }
  }
});

Deno.test("a function that throws is a reason to try later", pure, async () => {
  const broken = hostResolver({
    addressesOfName: () => Promise.reject(new Error("no library")),
    nameOfAddress: () => {
      throw new Error("no library");
    },
  }, new FakeClock());
  const answers = [await broken.addressesOf("nodeb"), await broken.nameOf("::1")];
  for (const answer of answers) {
    assertEquals(answer, { outcome: "tryLater", reason: "the look-up failed: no library" });
  }
});

Deno.test("a text that cannot be a host name is not looked up", pure, async () => {
  const { names, resolver } = setUp();
  const bad = ["", "a b", "a\0b", "a\nb", "n\u00e4me", "a".repeat(256), "a\x7fb"];
  for (const name of bad) assertEquals(told(await resolver.addressesOf(name)), "notFound", name);
  for (const text of ["", "nodeb", "127.2", "1.2.3.4.5", "a b"]) {
    assertEquals(told(await resolver.nameOf(text)), "notFound", text);
  }
  assertEquals(names.asked, []);
});

Deno.test("answers that are no host names are rejected", pure, async () => {
  const { names, resolver } = setUp();
  const bad = [
    "../x",
    "a b",
    "a\nb",
    "\x1b[2J",
    "-rf",
    ".hidden",
    "",
    "a/b",
    "a%n",
    "a".repeat(256),
  ];
  bad.push(
    "127.0.0.1",
    "127.2",
    "0x7f000001",
    "2130706433",
    "a.0x7f",
    "1.2.3.4.",
    "::1",
    "fe80::1%lo",
  );
  for (const [i, name] of bad.entries()) {
    names.reverse.set(`192.0.2.${i}`, { code: 0, name });
    names.forward.set(`alias${i}`, { code: 0, canonicalName: name, addresses: ["192.0.2.1"] });
    assertEquals(told(await resolver.nameOf(`192.0.2.${i}`)), "notFound", name);
    assertEquals(told(await resolver.addressesOf(`alias${i}`)), "notFound", name);
  }
  for (const name of ["a", "3com", "Node_B.Example.NET", "_x.y", "10.in-addr.arpa", "a.", "a--b"]) {
    names.reverse.set("2001:db8::9", { code: 0, name });
    assertEquals(told(await hostResolver(names, new FakeClock()).nameOf("2001:DB8::9")), name);
  }
});

Deno.test(
  "a name that the C library reads as an address is kept as the name",
  pure,
  async () => {
    const { names, resolver } = setUp();
    names.forward.set("127.2", { code: 0, canonicalName: "127.2", addresses: ["127.0.0.2"] });
    const expected = { canonicalName: "127.2", addresses: ["127.0.0.2"] };
    assertEquals(told(await resolver.addressesOf("127.2")), expected);
  },
);

Deno.test("answers are cached for a time that depends on their outcome", pure, async () => {
  const { clock, names, resolver } = setUp();
  names.forward.set("found", { code: 0, addresses: ["192.0.2.1"] });
  names.forward.set("later", { code: -3 });
  const lives = { found: 60_000, missing: 10_000, later: 2_000 };
  for (const [name, lifeMs] of Object.entries(lives)) {
    names.asked.length = 0;
    await resolver.addressesOf(name);
    clock.advance(lifeMs - 1);
    await resolver.addressesOf(name.toUpperCase());
    assertEquals(names.asked, [name]);
    clock.advance(1);
    await resolver.addressesOf(name);
    assertEquals(names.asked, [name, name]);
  }
});

Deno.test("concurrent equal questions are asked once", pure, async () => {
  const { names, resolver } = setUp();
  names.isHolding = true;
  names.forward.set("nodeb", { code: 0, addresses: ["192.0.2.1"] });
  const asking = [1, 2, 3].map(() => resolver.addressesOf("nodeb"));
  await settle();
  assertEquals(names.asked, ["nodeb"]);
  names.held.get("nodeb")!();
  assertEquals((await Promise.all(asking)).map(({ outcome }) => outcome), Array(3).fill("found"));
});

Deno.test("few look-ups run at a time, and the rest are queued", pure, async () => {
  const { clock, names, resolver } = setUp();
  names.isHolding = true;
  const answers = ["a", "b", "c", "d", "e"].map((name) => resolver.addressesOf(name));
  await settle();
  assertEquals(names.asked, ["a", "b"]);
  const turnedAway = await resolver.nameOf("::1");
  assertEquals(turnedAway, { outcome: "tryLater", reason: "too many look-ups are waiting" });
  for (let i = 0; i < 5; i++) {
    await settle();
    names.held.get("abcde"[i]!)!();
    assertEquals((await answers[i]!).outcome, "notFound");
  }
  assertEquals([names.asked, clock.pending], [["a", "b", "c", "d", "e"], 0]);
});

Deno.test("a late answer is a reason to try later, and is kept for later", pure, async () => {
  const { clock, names, resolver } = setUp();
  names.isHolding = true;
  names.forward.set("slow", { code: 0, addresses: ["192.0.2.1"] });
  const early = resolver.addressesOf("slow");
  clock.advance(7_999);
  const late = resolver.addressesOf("slow");
  clock.advance(1);
  assertEquals(await early, { outcome: "tryLater", reason: "no answer in 8000 ms" });
  await settle();
  names.held.get("slow")!();
  assertEquals([(await late).outcome, (await resolver.addressesOf("slow")).outcome], [
    "found",
    "found",
  ]);
  assertEquals([names.asked, clock.pending], [["slow"], 0]);
});

Deno.test("a slot stays taken until the C library returns", pure, async () => {
  const { clock, names, resolver } = setUp();
  names.isHolding = true;
  const [a, b] = [resolver.addressesOf("a"), resolver.addressesOf("b")];
  clock.advance(8_000);
  assertEquals([told(await a), told(await b)], ["tryLater", "tryLater"]);
  const again = [resolver.addressesOf("a"), resolver.addressesOf("c")];
  await settle();
  assertEquals(names.asked, ["a", "b"]);
  names.held.get("b")!();
  await settle();
  assertEquals(names.asked, ["a", "b", "c"]);
  names.held.get("a")!();
  names.held.get("c")!();
  assertEquals((await Promise.all(again)).map(told), ["notFound", "notFound"]);
});

Deno.test("a question without a waiting caller is not asked", pure, async () => {
  const { clock, names, resolver } = setUp();
  names.isHolding = true;
  const asking = ["a", "b", "c"].map((name) => resolver.addressesOf(name));
  clock.advance(8_000);
  assertEquals((await Promise.all(asking)).map(told), ["tryLater", "tryLater", "tryLater"]);
  const wanted = resolver.addressesOf("d");
  names.held.get("a")!();
  await settle();
  assertEquals(names.asked, ["a", "b", "d"]);
  names.held.get("d")!();
  assertEquals(told(await wanted), "notFound");
  names.held.get("b")!();
  await settle();
  names.isHolding = false;
  assertEquals(told(await resolver.addressesOf("c")), "notFound");
});

Deno.test("the queue never stops", pure, async () => {
  const { names, resolver } = setUp({ cacheMax: 2 });
  for (let round = 0; round < 100; round++) {
    const asking = [0, 1, 2, 3, 4].map((n) => resolver.addressesOf(`name${round}-${n}`));
    assertEquals((await Promise.all(asking)).map(told), Array(5).fill("notFound"));
  }
  assertEquals(names.asked.length, 500);
});

Deno.test("reasons say what happened", pure, async () => {
  const { names, resolver } = setUp();
  names.forward.set("nodeb", { code: -3 });
  const answer = await resolver.addressesOf("nodeb");
  assertMatch("reason" in answer ? answer.reason : "", /EAI_AGAIN/);
});
