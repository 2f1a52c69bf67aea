import { assertEquals, assertMatch } from "@std/assert";
import {
  judgeNotice,
  type NoticeChecks,
  type NoticeFacts,
  type SourceCheck,
} from "../../lib/nsm/notice_gate.ts";
import { SourceLimits } from "../../lib/nsm/source_limits.ts";
import { seededRandom } from "../support/seeded_random.ts";

const MODES: readonly SourceCheck[] = ["off", "warn", "enforce"];
const pure = { permissions: "none" } as const;

const genuine: NoticeFacts = { state: 7, lastState: 5, isKnownSource: true };

function both(mode: SourceCheck): NoticeChecks {
  return { source: mode, state: mode };
}

function kinds(change: Partial<NoticeFacts>): string[] {
  return MODES.map((mode) => judgeNotice(both(mode), { ...genuine, ...change }).kind);
}

Deno.test("judgeNotice() believes a new state from a known address in every mode", pure, () => {
  assertEquals(kinds({}), ["believed", "believed", "believed"]);
  assertEquals(kinds({ lastState: 0 }), ["believed", "believed", "believed"]);
  for (const mode of MODES) {
    assertEquals(judgeNotice(both(mode), genuine), { kind: "believed" });
  }
});

Deno.test("judgeNotice() passes on no state twice, in any mode", pure, () => {
  assertEquals(kinds({ state: 5 }), ["repeated", "repeated", "repeated"]);
  assertEquals(kinds({ state: 5, isKnownSource: false }), ["repeated", "repeated", "repeated"]);
});

Deno.test(
  "judgeNotice() with enforce refuses unknown sources and old or impossible states",
  pure,
  () => {
    assertEquals(kinds({ isKnownSource: false }), ["believed", "believed", "refused"]);
    assertEquals(kinds({ state: 3 }), ["believed", "believed", "refused"]);
    assertEquals(kinds({ state: -1, lastState: 0 }), ["believed", "believed", "refused"]);
    assertEquals(kinds({ state: 0, lastState: 5 }), ["believed", "believed", "refused"]);
  },
);

Deno.test(
  "acceptance 3: of 100 random states each from a known source is believed, and none from elsewhere",
  pure,
  () => {
    const { seed, random } = seededRandom(20261126);
    const checks: NoticeChecks = { source: "enforce", state: "warn" };
    let lastState = 5;
    for (let i = 0; i < 100; i++) {
      const state = random(2 ** 32) | 0;
      if (state === lastState) continue;
      const facts = { state, lastState, isKnownSource: true };
      assertEquals(judgeNotice(checks, facts).kind, "believed", `${state}, seed ${seed}`);
      assertEquals(judgeNotice(checks, { ...facts, isKnownSource: false }).kind, "refused");
      lastState = state;
    }
  },
);

Deno.test(
  "trust 15: a known source is believed with any state, where only the source is enforced",
  pure,
  () => {
    const checks: NoticeChecks = { source: "enforce", state: "warn" };
    for (const state of [3, -5, 0, 0x7fffffff]) {
      const facts = { state, lastState: 0x7ffffffd, isKnownSource: true };
      assertEquals(judgeNotice(checks, facts).kind, "believed");
      assertEquals(judgeNotice(checks, { ...facts, isKnownSource: false }).kind, "refused");
      assertEquals(
        judgeNotice({ ...checks, source: "off" }, { ...facts, isKnownSource: false }).kind,
        "believed",
      );
    }
  },
);

Deno.test("judgeNotice() gives the reason of a doubt", pure, () => {
  const doubt = (change: Partial<NoticeFacts>) => {
    const verdict = judgeNotice(both("warn"), { ...genuine, ...change });
    return "doubt" in verdict ? verdict.doubt ?? "" : "";
  };
  assertMatch(doubt({ isKnownSource: false }), /not a known address/);
  assertMatch(doubt({ state: 3 }), /its state was 5 before/);
  assertMatch(doubt({ state: -1 }), /state -1 is not one/);
});

Deno.test("SourceLimits admits a burst, then a few each second, for each address", pure, () => {
  let now = 0;
  const limits = new SourceLimits({ now: () => now });
  const admitted = (address: string, count: number) =>
    Array.from({ length: count }, () => limits.admits(address)).filter(Boolean).length;
  assertEquals(admitted("192.0.2.1", 2000), 1024);
  assertEquals(admitted("192.0.2.2", 10), 10);
  now += 1000;
  assertEquals(admitted("192.0.2.1", 2000), 64);
  now += 3_600_000;
  assertEquals(admitted("192.0.2.1", 2000), 1024);
});

Deno.test("SourceLimits keeps a bounded number of addresses", pure, () => {
  const limits = new SourceLimits({ now: () => 0 });
  for (let i = 0; i < 1024; i++) limits.admits("192.0.2.1");
  for (let i = 0; i < 4096; i++) limits.admits(`10.0.${i >> 8}.${i & 255}`);
  assertEquals(limits.admits("192.0.2.1"), true);
});

Deno.test("trust 17: the addresses of one IPv6 /64 are one source", pure, () => {
  const limits = new SourceLimits({ now: () => 0 });
  const from = (network: number, host: number) => limits.admits(`2001:db8:0:${network}::${host}`);
  const admitted = Array.from({ length: 5_000 }, (_, i) => from(1, 1 + i)).filter(Boolean);
  assertEquals(admitted.length, 1024);
  assertEquals([from(1, 1), from(2, 1), limits.admits("10.0.0.1")], [false, true, true]);
});

Deno.test("trust 7: the budget of a source counts work, not notices", pure, () => {
  let now = 0;
  const limits = new SourceLimits({ now: () => now });
  const work = (address: string, ms: number) =>
    limits.admits(address) && limits.work(address, () => {
      now += ms;
      return true;
    });
  const costly = Array.from({ length: 10 }, () => work("192.0.2.1", 300)).filter(Boolean).length;
  assertEquals(costly, 2);
  assertEquals(work("192.0.2.2", 300), true);
  now += 20_000;
  assertEquals(work("192.0.2.1", 0.1), true);
  const cheap = Array.from({ length: 3_000 }, () => work("192.0.2.3", 0.001)).filter(Boolean);
  assertEquals(cheap.length, 1024);
});

Deno.test(
  "a copy that arrives after a newer notice is no news, whatever the peer says",
  pure,
  () => {
    const facts = { state: 5, lastState: 7, isReplaced: true, isKnownSource: true };
    for (const mode of ["off", "warn", "enforce"] as const) {
      const checks = { source: mode, state: mode };
      assertEquals(judgeNotice(checks, facts).kind, "repeated", mode);
      assertEquals(judgeNotice(checks, { ...facts, isStated: true }).kind, "repeated", mode);
    }
  },
);
