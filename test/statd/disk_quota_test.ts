/**
 * Exhausted disk quota, with the whole monitor on real files. The test's file system plays the
 * quota, since the kernels at hand have none.
 */

import "../support/open_libc.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Mon, nsmV1 } from "../../lib/protocol/nsm.ts";
import { decodeReply, encodeCall } from "../support/rpc_messages.ts";
import type { Args, Result } from "../../lib/rpc/program.ts";
import { newMonitor } from "../support/monitor_world.ts";

/** Turns of the microtask queue after which a callback has been made, as nothing takes time here. */
const TURNS_TO_REST = 100;

type Rows = typeof nsmV1.procedures;

const QUOTA = new Error("Disk quota exceeded (os error 122)");
const me = { my_name: "here", my_prog: 100021, my_vers: 3, my_proc: 16 };
const DONE = { res_stat: 0, state: 3 } as const;

function mon(mon_name: string): Mon {
  return { mon_id: { mon_name, my_id: me }, priv: new Uint8Array(16) };
}

Deno.test("statd keeps serving with an exhausted quota", async () => {
  using world = newMonitor();
  const { monitor, clock, log, files, directory, called } = world;
  const call = async <K extends keyof Rows & string>(name: K, args: Args<Rows[K]>) => {
    const caller = { address: "127.0.0.1", port: 800, netid: "udp", isLocal: true } as const;
    const reply = await monitor.respond(encodeCall(nsmV1, name, args, 1), caller);
    const decoded = decodeReply(nsmV1.procedures[name], reply!);
    return decoded.ok ? decoded.result as Result<Rows[K]> : decoded.failure.kind;
  };
  const onDisk = () =>
    [...Deno.readDirSync(`${directory}/sm`)].map(({ name }) => name)
      .filter((name) => !name.startsWith(".")).sort();
  const inMemory = () => [...monitor.list.peerNames()].sort();

  for (const peer of ["10.99.0.2", "10.99.0.3"]) {
    assertEquals(await call("SM_MON", mon(peer)), DONE);
  }
  files.fault = QUOTA;
  assertEquals(await call("SM_MON", mon("10.99.0.4")), { res_stat: 1, state: -1 });
  assertEquals(await call("SM_MON", mon("10.99.0.5")), { res_stat: 1, state: -1 });
  // Existing records need no room, and removing gives room back.
  assertEquals(await call("SM_MON", mon("10.99.0.2")), DONE);
  const gone = { mon_name: "10.99.0.3", my_id: me };
  assertEquals(await call("SM_UNMON", gone), { state: 3 });
  assertEquals(await call("SM_NOTIFY", { mon_name: "10.99.0.2", state: 5 }), undefined);
  const isTold = () => called.some(({ args }) => JSON.stringify(args)?.includes("10.99.0.2"));
  for (let turn = 0; turn < TURNS_TO_REST && !isTold(); turn++) await null;
  assert(isTold());
  assertEquals([inMemory(), onDisk()], [["10.99.0.2"], ["10.99.0.2"]]);
  assertEquals(
    monitor.store.fault,
    `Cannot write "${directory}/sm": Disk quota exceeded (os error 122)`,
  );
  const refusals = log.lines.filter((line) => line.includes("STAT_FAIL"));
  assertEquals(refusals.length, 1);

  files.fault = undefined;
  clock.advance(60_000);
  assertEquals(monitor.store.fault, undefined);
  assertEquals(await call("SM_MON", mon("10.99.0.4")), DONE);
  assertEquals([inMemory(), onDisk()], [["10.99.0.2", "10.99.0.4"], ["10.99.0.2", "10.99.0.4"]]);
  // Facts learned meanwhile are on disk, too.
  const learned = Deno.readTextFileSync(`${directory}/sm/.peers`);
  assertMatch(learned, /"peer":"10\.99\.0\.2".*"lastState":5/);
});
