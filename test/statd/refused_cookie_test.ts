/** Notices that arrive while the disk decides about an SM_MON with another cookie. */

import "../support/open_libc.ts";
import { assertEquals } from "@std/assert";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import type { Status } from "../../lib/protocol/nlm.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { newMonitor } from "../support/monitor_world.ts";
import { privOf } from "../support/priv.ts";
import { encodeCall } from "../support/rpc_messages.ts";

const monName = "10.99.0.3";
const PEER = { address: monName, port: 800, netid: "udp", isLocal: false } as const;
const LOCAL = { address: "127.0.0.1", port: 700, netid: "udp", isLocal: true } as const;
const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16 };

for (const isRefused of [true, false]) {
  const cookie = isRefused ? "acknowledged" : "new";
  Deno.test(`a callback has the ${cookie} cookie if the new one is ${isRefused ? "refused" : "taken"}`, async () => {
    const unreadable = new Set<string>();
    const record = formatRecord({ ...registration, monName, priv: privOf(1) });
    using world = newMonitor({ records: { [monName]: record }, unreadable });
    const { monitor: { respond }, clock, called } = world;
    await clock.run(60_000);
    const notify = (state: number) =>
      respond(encodeCall(nsmV1, "SM_NOTIFY", { mon_name: monName, state }, 1), PEER);
    await notify(5);
    await clock.run(1_000);
    if (isRefused) unreadable.add(monName);
    const my_id = { my_name: "here", my_prog: 100021, my_vers: 3, my_proc: 16 };
    const args = { mon_id: { mon_name: monName, my_id }, priv: Uint8Array.fromHex(privOf(2)) };
    const monitoring = respond(encodeCall(nsmV1, "SM_MON", args, 1), LOCAL);
    await notify(7);
    await monitoring;
    await clock.run(1_000);
    const told = called.filter(({ program }) => program === registration.myProg)
      .map(({ args }) => args as Status);
    assertEquals(
      told.map(({ state, priv }) => [state, priv.toHex()]),
      [[5, privOf(1)], [7, privOf(isRefused ? 1 : 2)]],
    );
  });
}
