/** Orders of events: calls that arrive while another one waits for the disk or a program. */

import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { nsmService } from "../../lib/nsm/service.ts";
import type { Callout } from "../../lib/nsm/ports.ts";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { dispatcher } from "../../lib/rpc/dispatch.ts";
import { encodeCall } from "../support/rpc_messages.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { openPeerMemory } from "../../lib/store/peer_memory.ts";
import { newMonitor } from "../support/monitor_world.ts";
import { RecordingLog } from "../support/recording_log.ts";

const LOCAL = { address: "127.0.0.1", port: 800, netid: "udp", isLocal: true } as const;
const me = { my_name: "here", my_prog: 100021, my_vers: 3, my_proc: 16 };

const monId = (mon_name: string) => ({ mon_name, my_id: me });
const mon = (name: string, cookie = 1) =>
  encodeCall(nsmV1, "SM_MON", {
    mon_id: monId(name),
    priv: new Uint8Array(16).fill(cookie),
  }, 1);
const unmon = (name: string) => encodeCall(nsmV1, "SM_UNMON", monId(name), 1);

/** mon_names on disk, as read by the next start. */
function onDisk(directory: string): string[] {
  const store = openMonitorStore(directory, { log: new RecordingLog() });
  return [...store.load()].map(({ monName }) => monName).sort();
}

/** Monitor whose callout ends when `gate` does. */
function withCallout(gate: () => Promise<void>) {
  const world = newMonitor();
  const { monitor, log } = world;
  const { list, store, directory } = monitor;
  const program: Callout = {
    monitored: gate,
    unmonitored: gate,
    notified: gate,
    isFull: false,
  };
  const notices = {
    taken: 0,
    admits: () => true,
    isNews: () => false,
    take: () => true,
    overtaken() {},
  };
  const service = nsmService({
    list,
    store,
    directory,
    notices: notices as never,
    callout: () => program,
    simulateCrash: () => {},
    refused: () => {},
    clock: world.clock,
    log,
    tell: () => {},
  });
  const respond = dispatcher([service], {
    access: () => "accept",
    handlerFailed: (name) => log.error(`${name} failed`),
    garbage: () => {},
  });
  return { world, respond };
}

for (const again of ["nodeb", "NodeB"]) {
  Deno.test(`B1: SM_UNMON and SM_MON back to back leave ${again} on disk`, async () => {
    using world = newMonitor();
    const { respond, list } = world.monitor;
    await respond(mon("nodeb"), LOCAL);
    for (let i = 0; i < 20; i++) {
      const last = i % 2 === 0 ? again : "nodeb";
      const before = i % 2 === 0 ? "nodeb" : again;
      await Promise.all([respond(unmon(before), LOCAL), respond(mon(last, i), LOCAL)]);
      assertEquals(onDisk(world.directory), [last]);
      assertEquals([...list.all()].map(({ record }) => record.monName), [last]);
    }
  });

  Deno.test(`B1: SM_MON of ${again} during the callout of SM_UNMON is kept`, async () => {
    let gate = Promise.resolve();
    const { world, respond } = withCallout(() => gate);
    using _world = world;
    await respond(mon("nodeb"), LOCAL);
    const ended = Promise.withResolvers<void>();
    gate = ended.promise;
    const replies = [respond(unmon("nodeb"), LOCAL), respond(mon(again, 2), LOCAL)];
    ended.resolve();
    assert((await Promise.all(replies)).every((reply) => reply instanceof Uint8Array));
    assertEquals(onDisk(world.directory), [again]);
    assertEquals([...world.monitor.list.all()].map(({ record }) => record.monName), [again]);
  });
}

Deno.test("SM_UNMON of a registration in removal is acknowledged once it is gone", async () => {
  let gate = Promise.resolve();
  const { world, respond } = withCallout(() => gate);
  using _world = world;
  await respond(mon("nodeb"), LOCAL);
  const ended = Promise.withResolvers<void>();
  gate = ended.promise;
  let acknowledged = 0;
  const replies = [unmon("nodeb"), unmon("NODEB")]
    .map((call) => Promise.resolve(respond(call, LOCAL)).then(() => acknowledged++));
  for (let turn = 0; turn < 100; turn++) await undefined;
  assertEquals([acknowledged, onDisk(world.directory)], [0, ["nodeb"]]);
  ended.resolve();
  await Promise.all(replies);
  assertEquals(onDisk(world.directory), []);
});

Deno.test("SM_UNMON is acknowledged once all removals of the registration have ended", async () => {
  const ended = Promise.withResolvers<void>();
  const gates = [Promise.resolve(), ended.promise];
  const { world, respond } = withCallout(() => gates.shift() ?? Promise.resolve());
  using _world = world;
  await respond(mon("nodeb"), LOCAL);
  let acknowledged = 0;
  const removals: Promise<unknown>[] = [];
  const remove = () => {
    removals.push(Promise.resolve(respond(unmon("nodeb"), LOCAL)).then(() => acknowledged++));
  };
  remove(); // waits for its callout, unlike the calls after it
  for (const cookie of [2, 3]) {
    await respond(mon("nodeb", cookie), LOCAL);
    remove();
    remove();
  }
  for (let turn = 0; turn < 1000; turn++) await undefined;
  assertEquals(acknowledged, 0);
  ended.resolve();
  await Promise.all(removals);
  assertEquals([acknowledged, onDisk(world.directory)], [5, []]);
});

Deno.test("an SM_MON in progress during SM_SIMU_CRASH is kept", async () => {
  using world = newMonitor();
  const { respond, list } = world.monitor;
  const reply = respond(mon("nodeb"), LOCAL);
  await respond(encodeCall(nsmV1, "SM_SIMU_CRASH", undefined, 1), LOCAL);
  assert(await reply instanceof Uint8Array);
  assertEquals([list.size, onDisk(world.directory)], [1, ["nodeb"]]);
});

Deno.test("SM_SIMU_CRASH does not restore an SM_MON in progress that SM_UNMON has removed", async () => {
  using world = newMonitor();
  const { respond, list } = world.monitor;
  const replies = [respond(mon("nodeb"), LOCAL), respond(unmon("nodeb"), LOCAL)];
  replies.push(respond(encodeCall(nsmV1, "SM_SIMU_CRASH", undefined, 1), LOCAL));
  await Promise.all(replies);
  assertEquals([list.size, onDisk(world.directory)], [0, []]);
});

Deno.test("B3: a restart does not repeat the callback of a declared reboot", async () => {
  using world = newMonitor();
  const { respond, administration } = world.monitor;
  await respond(mon("nodeb"), LOCAL);
  administration.declareRebooted("nodeb", "somebody");
  await world.clock.run(1000);
  assertEquals(world.monitor.announcer.pending, 0);
  const memory = openPeerMemory(world.directory, { log: new RecordingLog(), mayCompact: false });
  const { lastState, passedOn } = memory.load().get("nodeb")!;
  assertEquals([lastState, passedOn], [2, 2]);
});

Deno.test("23: SM_UNMON drops the waiting callback, and nothing is recorded about the peer", async () => {
  using world = newMonitor({ failsOnceIn: 1 });
  const { respond, administration, announcer } = world.monitor;
  await respond(mon("nodeb"), LOCAL);
  administration.declareRebooted("nodeb", "somebody");
  await world.clock.run(100);
  assertEquals(announcer.pending, 1);
  await respond(unmon("nodeb"), LOCAL);
  assertEquals(announcer.pending, 0);
  const made = world.called.length;
  await world.clock.run(60_000);
  assertEquals(world.called.length, made);
  const memory = openPeerMemory(world.directory, { log: new RecordingLog(), mayCompact: false });
  assertEquals(memory.load().has("nodeb"), false);
});

Deno.test("a declaration is newer than a notice that came before it", async () => {
  using world = newMonitor();
  const { respond, administration, notices, list } = world.monitor;
  await respond(mon("nodeb"), LOCAL);
  const caller = { address: "10.0.0.2", port: 700, netid: "udp", isLocal: false } as const;
  // Its callout is still running when the administrator declares the peer rebooted.
  const ordinal = notices.arrived();
  administration.declareRebooted("nodeb", "somebody");
  notices.handle({ mon_name: "nodeb", state: 5 }, caller, ordinal);
  const [monitored] = list.about("nodeb");
  assertEquals(monitored!.lastState, 2);
  notices.handle({ mon_name: "nodeb", state: 7 }, caller);
  assertEquals(monitored!.lastState, 7);
});

Deno.test("SM_SIMU_CRASH during a removal keeps registrations made since", async () => {
  const ended = Promise.withResolvers<void>();
  const gates = [Promise.resolve(), ended.promise, Promise.resolve()];
  const { world, respond } = withCallout(() => gates.shift()!);
  using _world = world;
  await respond(mon("nodeb"), LOCAL);
  const removal = respond(unmon("nodeb"), LOCAL);
  await respond(mon("nodeb", 2), LOCAL);
  await respond(encodeCall(nsmV1, "SM_SIMU_CRASH", undefined, 1), LOCAL);
  ended.resolve();
  await removal;
  assertEquals(onDisk(world.directory), ["nodeb"]);
});

/** Announces these states of a peer, by notices that come `apartMs` apart. */
async function announced(
  { monitor, clock }: ReturnType<typeof newMonitor>,
  states: readonly number[],
  apartMs = 1000,
): Promise<void> {
  const caller = { address: "10.99.0.2", port: 700, netid: "udp", isLocal: false } as const;
  for (const state of states) {
    monitor.notices.handle({ mon_name: "nodeb", state }, caller);
    await clock.run(apartMs);
  }
}

/** States told to lock managers. */
function toldStates({ called }: ReturnType<typeof newMonitor>): number[] {
  return called.filter(({ args }) => args !== undefined && "state" in (args as object))
    .map(({ args }) => (args as { state: number }).state);
}

const forgetting = {
  "SM_UNMON": unmon("nodeb"),
  "SM_UNMON_ALL": encodeCall(nsmV1, "SM_UNMON_ALL", me, 1),
  "SM_SIMU_CRASH": encodeCall(nsmV1, "SM_SIMU_CRASH", undefined, 1),
};

for (const [name, call] of Object.entries(forgetting)) {
  Deno.test(`a copy of a notice from before ${name} and SM_MON is no news after a newer one`, async () => {
    using world = newMonitor();
    const { respond } = world.monitor;
    await respond(mon("nodeb"), LOCAL);
    await announced(world, [15]);
    await respond(call, LOCAL);
    await respond(mon("nodeb", 2), LOCAL);
    await announced(world, [17, 15, 17]);
    assertEquals(toldStates(world), [15, 17]);
  });
}

Deno.test("a copy of a notice is no news to a later registration of the peer", async () => {
  using world = newMonitor();
  const { respond } = world.monitor;
  await respond(mon("nodeb"), LOCAL);
  await announced(world, [15, 17]);
  const my_id = { ...me, my_vers: 4 };
  const priv = new Uint8Array(16);
  const other = { mon_id: { mon_name: "nodeb", my_id }, priv };
  await respond(encodeCall(nsmV1, "SM_MON", other, 1), LOCAL);
  await announced(world, [15]);
  assertEquals(toldStates(world), [15, 17]);
});

Deno.test("a lower state is news if it cannot be a copy: it is unheard, or half a minute has passed", async () => {
  using world = newMonitor();
  await world.monitor.respond(mon("nodeb"), LOCAL);
  await announced(world, [15, 3]);
  await announced(world, [17], 31_000);
  await announced(world, [3]);
  assertEquals(toldStates(world), [15, 3, 17, 3]);
});

Deno.test("a restart passes on a returning state again", async () => {
  using world = newMonitor({ failsOnceIn: 1 });
  await world.monitor.respond(mon("nodeb"), LOCAL);
  const memory = () => {
    const log = new RecordingLog();
    return openPeerMemory(world.directory, { log, mayCompact: false });
  };
  await announced(world, [15]);
  memory().note("nodeb", { passedOn: 15 });
  await announced(world, [17], 31_000);
  await announced(world, [15]);
  const { lastState, passedOn } = memory().load().get("nodeb")!;
  assertEquals([lastState, passedOn], [15, [null, 15, 17]]);
});

Deno.test("a waiting SM_MON survives SM_SIMU_CRASH, even if a copy of it was acknowledged", async () => {
  const ended = Promise.withResolvers<void>();
  const { world, respond } = withCallout(() => ended.promise);
  using _world = world;
  const first = respond(mon("nodeb"), LOCAL);
  for (let turn = 0; turn < 100; turn++) await undefined;
  assert(await respond(mon("nodeb"), LOCAL) instanceof Uint8Array);
  await respond(encodeCall(nsmV1, "SM_SIMU_CRASH", undefined, 1), LOCAL);
  ended.resolve();
  assert(await first instanceof Uint8Array);
  assertEquals([world.monitor.list.size, onDisk(world.directory)], [1, ["nodeb"]]);
});
