/** A start with more peers than are loaded at once. */

import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { decodeReply, encodeCall } from "../../lib/rpc/client.ts";
import type { Args, Result } from "../../lib/rpc/program.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { newMonitor } from "../support/monitor_world.ts";
import { privOf } from "../support/priv.ts";

type Rows = typeof nsmV1.procedures;

const me = { my_name: "here", my_prog: 100021, my_vers: 3, my_proc: 16 };
const LOCAL = { address: "127.0.0.1", port: 800, netid: "udp", isLocal: true } as const;
const PEERS = 100;
/** So that a fraction of the peers is loaded at once. */
const READ_MS = 1;

function startLoading() {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const names = Array.from({ length: PEERS }, (_, i) => `10.99.1.${i}`);
  const records = Object.fromEntries(
    names.map((monName) => [monName, formatRecord({ ...registration, monName })]),
  );
  const world = newMonitor({ records, readMs: READ_MS });
  const call = <K extends keyof Rows & string>(name: K, args: Args<Rows[K]>) =>
    world.monitor.respond(encodeCall(nsmV1, name, args, 1), LOCAL);
  const resultOf = <K extends keyof Rows & string>(name: K, reply: Uint8Array) => {
    const decoded = decodeReply(nsmV1.procedures[name], reply);
    assert(decoded.ok);
    return decoded.result as Result<Rows[K]>;
  };
  return { ...world, world, call, resultOf };
}

Deno.test("NULL and STAT are answered while the list is loaded, the rest afterwards", async () => {
  const { world, monitor, clock, call, resultOf } = startLoading();
  using _world = world;
  assert(monitor.list.size > 0 && monitor.list.size < PEERS, `${monitor.list.size} are loaded`);
  assert(call("SM_NULL", undefined) instanceof Uint8Array);
  const stat = call("SM_STAT", { mon_name: "nodeb" });
  assert(stat instanceof Uint8Array);
  assertEquals(resultOf("SM_STAT", stat), { res_stat: 0, state: 3 });
  const last = { mon_name: `10.99.1.${PEERS - 1}`, my_id: me };
  const late = [
    call("SM_UNMON", last),
    call("SM_MON", { mon_id: { mon_name: "new", my_id: me }, priv: new Uint8Array(16) }),
    call("SM_NOTIFY", { mon_name: "10.99.1.0", state: 5 }),
    call("SM_NOTIFY", { mon_name: `10.99.1.${PEERS - 2}`, state: 5 }),
    call("SM_UNMON_ALL", { ...me, my_name: "nobody" }),
  ];
  assert(late.every((reply) => reply instanceof Promise));
  await clock.run(2 * PEERS * READ_MS);
  await monitor.loaded;
  for (const reply of late) assert(await reply instanceof Uint8Array);
  assertEquals(monitor.list.size, PEERS);
  assert(monitor.list.has("new") && !monitor.list.has(last.mon_name));
  assertEquals(monitor.counters.callbacks_queued, 2);
  assert(!(call("SM_NOTIFY", { mon_name: "10.99.1.0", state: 7 }) instanceof Promise));
});

Deno.test("calls that wait for the list are not answered by half of it", async () => {
  const { world, monitor, stopping, clock, call } = startLoading();
  using _world = world;
  const reply = call("SM_UNMON", { mon_name: `10.99.1.${PEERS - 1}`, my_id: me });
  stopping.abort();
  await clock.run(2 * PEERS * READ_MS);
  assertEquals(await reply, undefined);
  assert(monitor.list.size < PEERS);
});
