import { assertEquals, assertRejects } from "@std/assert";
import { ownNames, planSources } from "../../lib/notify/sources.ts";
import type { NameFunctions } from "../../lib/net/resolver.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

const pure = { permissions: "none" } as const;
const ADDRESS = "192.0.2.1";

/** Result of a `-v`, its duration, and the log lines. */
async function plan(
  text: string,
  functions: Partial<NameFunctions>,
  source: "own" | "any" = "own",
) {
  const clock = new SimulatedClock();
  const log = new RecordingLog();
  const unanswered = () => new Promise<never>(() => {});
  const names = { addressesOfName: unanswered, nameOfAddress: unanswered, ...functions };
  const planned = planSources({ outgoingAddr: [text], source }, ownNames(names, clock), log, clock);
  const [first] = await clock.until(planned);
  return { source: first, atMs: clock.now(), warnings: log.of("warning") };
}

Deno.test("planSources() announces the name of an address", pure, async () => {
  const nameOfAddress = () => Promise.resolve({ code: 0, name: "nodeb.example.net" });
  assertEquals(await plan(ADDRESS, { nameOfAddress }), {
    source: { name: "nodeb.example.net", addresses: [ADDRESS] },
    atMs: 0,
    warnings: [],
  });
});

Deno.test("planSources() waits 2 s for the name of an address", pure, async () => {
  const reason = "no answer in 2000 ms";
  assertEquals(await plan(ADDRESS, {}), {
    source: { name: ADDRESS, addresses: [ADDRESS] },
    atMs: 2_000,
    warnings: [`warning: "${ADDRESS}" has no name, so the address itself is announced: ${reason}`],
  });
});

Deno.test("planSources() does not look up the name of a name", pure, async () => {
  const addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
  const addressesOfName = () => Promise.resolve({ code: 0, canonicalName: "other", addresses });
  assertEquals(await plan("nodeb", { addressesOfName }), {
    source: { name: "nodeb", addresses: ["192.0.2.1", "2001:db8::1"] },
    atMs: 0,
    warnings: [],
  });
});

Deno.test(
  "B9: planSources() repeats the question to a name service that has no answer yet",
  pure,
  async () => {
    let asked = 0;
    const addressesOfName = () =>
      Promise.resolve(++asked < 3 ? { code: -3 } : { code: 0, addresses: [ADDRESS] });
    const { source, atMs } = await plan("nodeb", { addressesOfName });
    assertEquals(source, { name: "nodeb", addresses: [ADDRESS] });
    assertEquals(atMs, 5_000);
  },
);

Deno.test("B9: planSources() gives up a name service in a bounded time", pure, async () => {
  const addressesOfName = () => Promise.resolve({ code: -3 });
  await assertRejects(() => plan("nodeb", { addressesOfName }), Error, "EAI_AGAIN");
});

Deno.test(
  "source = any announces names that need not be local, from any address",
  pure,
  async () => {
    const unasked = await plan("vip.example", {}, "any");
    assertEquals(unasked, {
      source: { name: "vip.example", addresses: [] },
      atMs: 0,
      warnings: [],
    });
    const nameOfAddress = () => Promise.resolve({ code: 0, name: "vip.example" });
    const { source } = await plan(ADDRESS, { nameOfAddress }, "any");
    assertEquals(source, { name: "vip.example", addresses: [] });
  },
);
