/** Notices that arrive while a registration is removed, whose removal fails. */

import "../support/open_libc.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { newMonitor } from "../support/monitor_world.ts";
import { privOf } from "../support/priv.ts";
import { encodeCall } from "../support/rpc_messages.ts";

const CALLER = { address: "10.99.0.3", port: 800, netid: "udp", isLocal: false } as const;
const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };

/** Peers that are monitored, and the peer of each that the notice concerns; host1 has 10.99.0.3. */
const CASES: Readonly<Record<string, { names: readonly string[]; told: number }>> = {
  "the only one": { names: ["10.99.0.3"], told: 1 },
  "one of several": { names: ["10.99.0.3", "10.99.1.2"], told: 1 },
  "one of two names of the host": { names: ["10.99.0.3", "host1"], told: 2 },
};

for (const [what, { names, told }] of Object.entries(CASES)) {
  Deno.test(`a registration whose removal fails is told of a notice of that time: ${what}`, async () => {
    const unreadable = new Set<string>();
    const records = Object.fromEntries(
      names.map((monName) => [monName, formatRecord({ ...registration, monName })]),
    );
    using world = newMonitor({ records, unreadable });
    const { monitor, clock } = world;
    await clock.run(60_000); // all peers are looked up
    unreadable.add(names[0]!);
    const forgetting = monitor.administration.forget([names[0]!], "root");
    const refused = assertRejects(() => forgetting, Error, "Stale file handle");
    const notice = { mon_name: names.at(-1) === "host1" ? "host1" : names[0]!, state: 5 };
    await monitor.respond(encodeCall(nsmV1, "SM_NOTIFY", notice, 1), CALLER);
    await refused;
    await clock.run(30_000);
    assertEquals([monitor.list.size, monitor.counters.callbacks_queued], [names.length, told]);
    assertEquals(monitor.notices.kept, 0);
  });
}

Deno.test("a notice of the time of a removal is over when the removal is", async () => {
  const monName = "10.99.0.3";
  using world = newMonitor({ records: { [monName]: formatRecord({ ...registration, monName }) } });
  const { monitor, clock } = world;
  await clock.run(60_000);
  const forgetting = monitor.administration.forget([monName], "root");
  await monitor.respond(encodeCall(nsmV1, "SM_NOTIFY", { mon_name: monName, state: 5 }, 1), CALLER);
  assertEquals(await forgetting, 1);
  await clock.run(30_000);
  assertEquals([monitor.notices.kept, monitor.counters.callbacks_queued], [0, 0]);
});

Deno.test("a notice waits for a removal, however long it takes", async () => {
  const monName = "10.99.0.3";
  const records = Object.fromEntries(
    [monName, "10.99.1.2"].map((name) => [name, formatRecord({ ...registration, monName: name })]),
  );
  using world = newMonitor({ records });
  const { monitor: { list, notices, respond, counters }, clock } = world;
  await clock.run(60_000);
  const [monitored] = list.about(monName);
  list.leave([monitored!], new Promise(() => {}));
  await respond(encodeCall(nsmV1, "SM_NOTIFY", { mon_name: monName, state: 5 }, 1), CALLER);
  await clock.run(60_000);
  assertEquals([notices.kept, counters.callbacks_queued], [1, 0]);
  list.left(monitored!, false);
  notices.loaded(monitored!);
  await clock.run(10_000);
  assertEquals([notices.kept, counters.callbacks_queued], [0, 1]);
});
