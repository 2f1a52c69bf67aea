/** Start with more peers than are loaded at once. */

import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { decodeReply, encodeCall } from "../support/rpc_messages.ts";
import type { Args, Result } from "../../lib/rpc/program.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { newMonitor } from "../support/monitor_world.ts";
import { privOf } from "../support/priv.ts";

type Rows = typeof nsmV1.procedures;

const me = { my_name: "here", my_prog: 100021, my_vers: 3, my_proc: 16 };
const LOCAL = { address: "127.0.0.1", port: 800, netid: "udp", isLocal: true } as const;
const PEERS = 100;
/** Duration of a read, in ms, so that a fraction of the peers is loaded at once. */
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
  const atOnce = call("SM_NOTIFY", { mon_name: "10.99.1.0", state: 7 });
  assertEquals(monitor.counters.callbacks_queued, 3); // no longer waits for the list
  await atOnce;
});

Deno.test("calls that wait for the list are answered by the whole list", async () => {
  const { world, monitor, stopping, clock, call } = startLoading();
  using _world = world;
  const reply = call("SM_UNMON", { mon_name: `10.99.1.${PEERS - 1}`, my_id: me });
  stopping.abort();
  await clock.run(2 * PEERS * READ_MS);
  assertEquals(await reply, undefined);
  assert(monitor.list.size < PEERS);
});

Deno.test("an unreadable record file is read later, and its notice waits", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const record = (monName: string) => formatRecord({ ...registration, monName });
  const unreadable = new Set(["10.99.1.1"]);
  const records = { "10.99.1.1": record("10.99.1.1"), "10.99.1.2": record("10.99.1.2") };
  using world = newMonitor({ records, unreadable });
  const { monitor, clock, log } = world;
  const notify = (mon_name: string, state: number) =>
    monitor.respond(encodeCall(nsmV1, "SM_NOTIFY", { mon_name, state }, 1), LOCAL);
  assertEquals([monitor.list.size, monitor.store.unread], [1, 1]);
  assert(await notify("10.99.1.1", 5) instanceof Uint8Array);
  await clock.run(60_000);
  assertEquals([monitor.counters.callbacks_queued, monitor.notices.kept], [0, 1]);
  unreadable.clear();
  await clock.run(30_000);
  await monitor.whole;
  assertEquals([monitor.list.size, monitor.store.unread], [2, 0]);
  assertEquals([monitor.counters.callbacks_queued, monitor.notices.kept], [1, 0]);
  assert(log.lines.some((line) => line.includes("Read a file of records that could not be read")));
});

Deno.test("a record that is read late hears what its peer's other registrations have heard", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const monName = "10.99.1.1";
  const unreadable = new Set([monName]);
  const records = { [monName]: formatRecord({ ...registration, monName }) };
  using world = newMonitor({ records, unreadable });
  const { monitor, clock } = world;
  unreadable.clear();
  const other = { mon_id: { mon_name: monName, my_id: { ...me, my_vers: 4 } } };
  const call = encodeCall(nsmV1, "SM_MON", { ...other, priv: new Uint8Array(16) }, 1);
  await monitor.respond(call, LOCAL);
  assertEquals(monitor.administration.declareRebooted(monName, "root").length, 1);
  await clock.run(30_000);
  await monitor.whole;
  const states = [...monitor.list.about(monName)].map(({ lastState }) => lastState);
  assertEquals([states, monitor.counters.callbacks_queued], [[2, 2], 2]);
});

Deno.test("a file read late does not restore a registration that SM_UNMON is removing", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const record = { ...registration, monName: "10.99.1.1" };
  const unreadable = new Set([record.monName]);
  using world = newMonitor({ records: { [record.monName]: formatRecord(record) }, unreadable });
  const { monitor: { list, store }, clock } = world;
  list.leave([list.addStored(record)], Promise.resolve());
  unreadable.clear();
  await clock.run(30_000);
  assertEquals([store.unread, list.size], [0, 0]);
});

Deno.test("SM_UNMON of a registration in an unread file is refused, or takes it off the disk", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const [gone, kept] = ["10.99.1.1", "10.99.1.2"] as const;
  const unreadable = new Set<string>([gone, kept]);
  const records = Object.fromEntries(
    [gone, kept].map((monName) => [monName, formatRecord({ ...registration, monName })]),
  );
  using world = newMonitor({ records, unreadable });
  const { monitor, clock } = world;
  const unmon = async (mon_name: string) => {
    const reply = await monitor.respond(
      encodeCall(nsmV1, "SM_UNMON", { mon_name, my_id: me }, 1),
      LOCAL,
    );
    return decodeReply(nsmV1.procedures.SM_UNMON, reply!).ok;
  };
  assertEquals(await unmon(kept), false);
  unreadable.clear();
  assertEquals(await unmon(gone), true);
  await clock.run(30_000);
  assertEquals(monitor.store.unread, 0);
  assertEquals(Array.from(monitor.list.all(), ({ record }) => record.monName), [kept]);
});

Deno.test("facts about a peer are kept while its record cannot be read", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const unreadable = new Set(["10.99.1.1"]);
  const records = {
    "10.99.1.1": formatRecord({ ...registration, monName: "10.99.1.1" }),
    ".peers": `${
      JSON.stringify({
        peer: "10.99.1.1",
        addresses: ["10.99.1.1"],
        lastState: 7,
        lastNotice: 9,
        lastAnswer: 12,
        passedOn: 7,
      })
    }\n`,
  };
  using world = newMonitor({ records, unreadable });
  const { monitor, clock } = world;
  unreadable.clear();
  // A registration that is made meanwhile has them too.
  const other = { mon_id: { mon_name: "10.99.1.1", my_id: { ...me, my_vers: 4 } } };
  await monitor.respond(
    encodeCall(nsmV1, "SM_MON", { ...other, priv: new Uint8Array(16) }, 1),
    LOCAL,
  );
  assertEquals([...monitor.list.all()].map(({ lastState }) => lastState), [7]);
  await clock.run(30_000);
  const known = Array.from(
    monitor.list.all(),
    ({ lastState, lastNotice, lastAnswer }) => [lastState, lastNotice, lastAnswer],
  );
  assertEquals(known, [[7, 9, 12], [7, 9, 12]]);
  // A lower state: one from before the peer's answer would be left to the peer.
  const notice = encodeCall(nsmV1, "SM_NOTIFY", { mon_name: "10.99.1.1", state: 5 }, 1);
  await monitor.respond(notice, LOCAL);
  assertEquals(monitor.counters.callbacks_queued, 2, "an ordinal of this life is a later one");
});

Deno.test("an SM_MON that the disk refuses costs no callback owed to an unread record", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const monName = "10.99.1.1";
  const unreadable = new Set([monName]);
  const owed = { peer: monName, addresses: [monName], lastState: 7, lastNotice: 9 };
  const records = {
    [monName]: formatRecord({ ...registration, monName }),
    ".peers": `${JSON.stringify(owed)}\n`,
  };
  using world = newMonitor({ records, unreadable });
  const { monitor, clock } = world;
  const again = { mon_id: { mon_name: monName, my_id: me }, priv: new Uint8Array(16) };
  await monitor.respond(encodeCall(nsmV1, "SM_MON", again, 1), LOCAL);
  assertEquals(monitor.list.size, 0);
  unreadable.clear();
  await clock.run(30_000);
  await monitor.whole;
  assertEquals([monitor.list.size, monitor.counters.callbacks_queued], [1, 1]);
});

Deno.test("a record that is read while the disk refuses its SM_MON stays on the list", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const monName = "10.99.1.1";
  const owed = { peer: monName, addresses: [monName], lastState: 7, lastNotice: 9 };
  const records = {
    [monName]: formatRecord({ ...registration, monName }),
    ".peers": `${JSON.stringify(owed)}\n`,
  };
  // The start and the group commit cannot read the file.
  const reads: string[] = [];
  const unreadable = { has: (name: string) => name === monName && reads.push(name) % 2 === 1 };
  using world = newMonitor({ records, unreadable: unreadable as ReadonlySet<string> });
  const { monitor, clock } = world;
  await clock.run(10_000);
  const again = { mon_id: { mon_name: monName, my_id: me }, priv: new Uint8Array(16) };
  clock.advance(1);
  await monitor.respond(encodeCall(nsmV1, "SM_MON", again, 1), LOCAL);
  assertEquals(reads.length, 3, "the file is read before the disk refuses the SM_MON");
  await clock.run(30_000);
  await monitor.whole;
  assertEquals(Array.from(monitor.list.all(), ({ record }) => record.priv), [privOf(1)]);
  assertEquals(monitor.counters.callbacks_queued, 1);
});

Deno.test("what an earlier life owed is not told to a registration made while a file is unread", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const [monName, other] = ["10.99.1.1", "10.99.1.2"];
  const owed = { peer: monName, addresses: [monName], lastState: 7, lastNotice: 9 };
  const call = { mon_id: { mon_name: monName, my_id: me }, priv: new Uint8Array(16) };
  const notice = { mon_name: monName, state: 9 };
  // Reboots that the peer has announced since, and callbacks due after a restart.
  for (const isHeard of [false, true]) {
    const unreadable = new Set([other]);
    const records: Record<string, string> = {
      [other]: formatRecord({ ...registration, monName: other }),
      ".peers": `${JSON.stringify(owed)}\n`,
    };
    {
      using world = newMonitor({ records, unreadable });
      const { monitor, clock, directory } = world;
      await monitor.respond(encodeCall(nsmV1, "SM_MON", call, 1), LOCAL);
      if (isHeard) await monitor.respond(encodeCall(nsmV1, "SM_NOTIFY", notice, 1), LOCAL);
      await clock.run(5_000);
      unreadable.clear();
      await clock.run(60_000);
      await monitor.whole;
      assertEquals(monitor.counters.callbacks_queued, isHeard ? 1 : 0);
      for (const { name } of Deno.readDirSync(`${directory}/sm`)) {
        records[name] = Deno.readTextFileSync(`${directory}/sm/${name}`);
      }
    }
    using restarted = newMonitor({ records });
    await restarted.clock.run(10_000);
    const { list, counters } = restarted.monitor;
    assertEquals([list.size, counters.callbacks_queued], [2, 0]);
  }
});

Deno.test("a record that is read late is still owed its callback after a restart", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const monName = "10.99.1.1";
  const owed = { peer: monName, addresses: [monName], lastState: 7, lastNotice: 9 };
  const records: Record<string, string> = {
    [monName]: formatRecord({ ...registration, monName }),
    ".peers": `${JSON.stringify(owed)}\n`,
  };
  const unreadable = new Set([monName]);
  {
    using world = newMonitor({ records, unreadable, failsOnceIn: 1 });
    unreadable.clear();
    await world.clock.run(60_000);
    await world.monitor.whole;
    assertEquals(world.monitor.announcer.pending, 1);
    records[".peers"] = Deno.readTextFileSync(`${world.directory}/sm/.peers`);
  }
  using restarted = newMonitor({ records });
  await restarted.clock.run(10_000);
  assertEquals(restarted.monitor.counters.callbacks_queued, 1);
});

Deno.test("SM_UNMON of another requester costs a record that is read late no callback", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const monName = "10.99.1.1";
  const unreadable = new Set([monName]);
  const owed = { peer: monName, addresses: [monName], lastState: 7, lastNotice: 9 };
  const records = {
    [monName]: formatRecord({ ...registration, monName }),
    ".peers": `${JSON.stringify(owed)}\n`,
  };
  using world = newMonitor({ records, unreadable });
  const { monitor, clock } = world;
  unreadable.clear();
  const mon_id = { mon_name: monName, my_id: { ...me, my_vers: 4 } };
  await monitor.respond(
    encodeCall(nsmV1, "SM_MON", { mon_id, priv: new Uint8Array(16) }, 1),
    LOCAL,
  );
  await monitor.respond(encodeCall(nsmV1, "SM_UNMON", mon_id, 1), LOCAL);
  assertEquals([monitor.list.size, monitor.store.unread], [0, 1]);
  await clock.run(30_000);
  await monitor.whole;
  assertEquals([monitor.list.size, monitor.counters.callbacks_queued], [1, 1]);
});

Deno.test("a state is not passed on while another file of its peer is unread", async () => {
  const registration = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
  const owed = { peer: "host1", addresses: ["10.99.0.3"], lastState: 7, lastNotice: 9 };
  const records: Record<string, string> = {
    host1: formatRecord({ ...registration, monName: "host1" }),
    HOST1: formatRecord({ ...registration, monName: "HOST1", myVers: 4 }),
    ".peers": `${JSON.stringify(owed)}\n`,
  };
  {
    using world = newMonitor({ records, unreadable: new Set(["HOST1"]) });
    await world.clock.run(5_000);
    assertEquals([world.monitor.list.size, world.monitor.announcer.pending], [1, 0]);
    records[".peers"] = Deno.readTextFileSync(`${world.directory}/sm/.peers`);
  }
  using restarted = newMonitor({ records });
  await restarted.clock.run(10_000);
  assertEquals(restarted.monitor.counters.callbacks_queued, 2);
});
