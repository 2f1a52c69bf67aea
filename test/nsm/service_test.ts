import { isLoopback } from "../../lib/rpc/address.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { limited, type LimitedLog } from "../../lib/log_limits.ts";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import { Notices } from "../../lib/nsm/notices.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import type { Callout } from "../../lib/nsm/ports.ts";
import { REGISTRATION_LIMITS, type RegistrationLimits } from "../../lib/nsm/registration_limits.ts";
import { nsmService } from "../../lib/nsm/service.ts";
import { accessRule, type Mon, type MyId, nsmV1 } from "../../lib/protocol/nsm.ts";
import { dispatcher } from "../../lib/rpc/dispatch.ts";
import { decodeReply, encodeCall } from "../support/rpc_messages.ts";
import type { Args, Result } from "../../lib/rpc/program.ts";
import { NoPeerMemory } from "../../lib/store/volatile_store.ts";
import { MemoryMonitorStore, MemoryStateDirectory } from "../support/memory_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

type Rows = typeof nsmV1.procedures;

/** Service behind the real dispatcher, so that replies are compared as bytes. */
function setUp(
  callout?: Callout,
  lines?: (log: RecordingLog) => LimitedLog,
  limits: RegistrationLimits = REGISTRATION_LIMITS,
) {
  const log = new RecordingLog();
  const disk = new MemoryStateDirectory();
  disk.state = 7;
  const store = new MemoryMonitorStore(disk);
  const list = new MonitorList();
  const clock = new FakeClock();
  const resolver = new FakeResolver();
  const tell: LimitedLog = lines?.(log) ?? ((level, _key, message) => log[level](message()));
  const memory = new NoPeerMemory();
  const directory = new PeerDirectory({ resolver, memory, clock, log, tell });
  const called: [string, number][] = [];
  /** Number of callbacks made before each write. */
  const written: number[] = [];
  const notices = new Notices({
    list,
    directory,
    sourceCheck: () => "warn",
    stateCheck: () => "warn",
    clock,
    counters: makeCounters(),
    tell,
    announce(monitored, state) {
      monitored.lastState = state;
      called.push([monitored.record.monName, state]);
    },
    catchUp() {},
    flush: () => void written.push(called.length),
  });
  let crashes = 0;
  const simulateCrash = () => void crashes++;
  const refused = (message: string) => log.warning(message);
  const parts = { list, store, directory, notices, refused, simulateCrash, clock, log, tell };
  const service = nsmService({ ...parts, callout: () => callout, limits });
  const accessRefusals: string[] = [];
  const answer = dispatcher([service], {
    access: accessRule({
      settings: () => ({ simuCrashAllowed: true, monReservedPort: false }),
      admits: () => "admitted",
      refused: (name, _caller, fault) => accessRefusals.push(`${name}: ${fault}`),
      denied: () => {},
    }),
    handlerFailed: (name) => log.error(`${name} failed`),
    garbage: () => {},
  });
  const call = async <K extends keyof Rows & string>(
    name: K,
    args: Args<Rows[K]>,
    from: { address?: string; port?: number } = {},
  ): Promise<Result<Rows[K]> | string> => {
    const { address = "127.0.0.1", port = 800 } = from;
    const caller = { address, port, netid: "udp", isLocal: isLoopback(address) } as const;
    const reply = await answer(encodeCall(nsmV1, name, args, 1), caller);
    if (reply === undefined) return "no reply";
    const decoded = decodeReply(nsmV1.procedures[name], reply);
    return decoded.ok ? decoded.result as Result<Rows[K]> : `accept_stat ${decoded.failure.kind}`;
  };
  return {
    log,
    disk,
    store,
    list,
    resolver,
    called,
    written,
    refused: accessRefusals,
    call,
    directory,
    crashes: () => crashes,
  };
}

const me: MyId = { my_name: "here", my_prog: 100021, my_vers: 3, my_proc: 16 };

function mon(mon_name: string, change: Partial<MyId> = {}, cookie = 1): Mon {
  return {
    mon_id: { mon_name, my_id: { ...me, ...change } },
    priv: new Uint8Array(16).fill(cookie),
  };
}

const FAILED = { res_stat: 1, state: -1 } as const;

Deno.test(
  "SM_MON answers with the state number on disk once the record is there",
  pure,
  async () => {
    const { disk, store, call } = setUp();
    let isOnDisk = () => {};
    disk.gate = new Promise((resolve) => isOnDisk = resolve);
    let reply: unknown;
    const answered = call("SM_MON", mon("nodeb")).then((result) => reply = result);
    await Promise.resolve();
    assertEquals(reply, undefined);
    disk.state = 9;
    isOnDisk();
    await answered;
    assertEquals(reply, { res_stat: 0, state: 9 });
    assertEquals(store.records.map((record) => record.monName), ["nodeb"]);
  },
);

Deno.test("SM_MON never waits for the name service", pure, async () => {
  const { resolver, call } = setUp();
  resolver.gate = new Promise(() => {});
  assertEquals(await call("SM_MON", mon("nodeb")), { res_stat: 0, state: 7 });
  assertEquals(await call("SM_NOTIFY", { mon_name: "other", state: 3 }), undefined);
  assertEquals(await call("SM_STAT", { mon_name: "unknown.example" }), { res_stat: 0, state: 7 });
});

Deno.test(
  "SM_NOTIFY: one write after the callbacks of a turn, and before its replies",
  pure,
  async () => {
    const { call, called, written } = setUp();
    const peers = ["nodeb", "nodec", "noded"];
    for (const peer of peers) await call("SM_MON", mon(peer));
    const replies = peers.map((mon_name) => call("SM_NOTIFY", { mon_name, state: 5 }));
    const answered = Promise.race(replies).then(() => written.slice());
    assertEquals([called.length, written], [3, []]);
    assertEquals(await answered, [3]);
    await Promise.all(replies);
    assertEquals(written[0], 3);
  },
);

Deno.test("SM_MON refuses names and callbacks that no lock manager needs", pure, async () => {
  const { store, log, call } = setUp();
  const calls = [
    mon(""),
    mon("../x"),
    mon("a/b"),
    mon("a b"),
    mon("a\nb"),
    mon("nodeb", { my_prog: 100000 }),
    mon("nodeb", { my_proc: 17 }),
    mon("nodeb", { my_vers: 1, my_proc: 1 }),
    mon("n".repeat(200), { my_name: "m".repeat(900) }),
  ];
  for (const args of calls) assertEquals(await call("SM_MON", args), FAILED);
  assertEquals(store.records, []);
  assertEquals(log.of("warning").length, calls.length);
  assertEquals(log.of("error").length, 2);
  assertMatch(log.of("warning")[4]!, /"here" for SM_MON of "a\\x0ab": .*blank or control/);
});

Deno.test("SM_MON accepts the callbacks of every known lock manager", pure, async () => {
  const { call } = setUp();
  const known = [[3, 16], [4, 16], [3, 24], [0, 1], [2, 17]] as const;
  for (const [my_vers, my_proc] of known) {
    const result = await call("SM_MON", mon("nodeb", { my_vers, my_proc }));
    assertEquals(result, { res_stat: 0, state: 7 });
  }
});

Deno.test(
  "SM_MON again with another cookie replaces the record, in any letter case",
  pure,
  async () => {
    const { store, list, call } = setUp();
    await call("SM_MON", mon("nodeb", {}, 1));
    await call("SM_MON", mon("NODEB", {}, 2));
    assertEquals(store.records.map(({ monName, priv }) => [monName, priv]), [["NODEB", privOf(2)]]);
    assertEquals(list.size, 1);
  },
);

Deno.test(
  "a repeated SM_MON is written again, since sm-notify may have moved the record",
  pure,
  async () => {
    const { disk, store, call } = setUp();
    await call("SM_MON", mon("nodeb"));
    disk.monitored.clear();
    assertEquals(await call("SM_MON", mon("nodeb")), { res_stat: 0, state: 7 });
    assertEquals(store.records.length, 1);
  },
);

Deno.test("SM_MON fails if the disk does, and memory equals the disk", pure, async () => {
  const { disk, list, log, call } = setUp();
  await call("SM_MON", mon("nodeb", {}, 1));
  disk.fault = "No space left on device";
  assertEquals(await call("SM_MON", mon("nodec")), FAILED);
  assertEquals(await call("SM_MON", mon("nodeb", {}, 2)), FAILED);
  assertEquals([...list.about("nodeb")].map(({ record }) => record.priv), [privOf(1)]);
  assertEquals(list.has("nodec"), false);
  assertMatch(log.of("warning")[0]!, /No space left on device/);
});

Deno.test(
  "SM_MON and the other guarded procedures are refused to strangers by the procedure's own reply",
  pure,
  async () => {
    const { call, store, refused } = setUp();
    let reads = 0;
    await call("SM_MON", mon("nodeb"));
    const from = { address: "192.0.2.1" };
    store.stateNumber = () => ++reads;
    assertEquals(await call("SM_MON", mon("nodec"), from), FAILED);
    assertEquals(await call("SM_UNMON", mon("nodeb").mon_id, from), { state: 7 });
    assertEquals(await call("SM_UNMON_ALL", me, from), { state: 7 });
    assertEquals(await call("SM_SIMU_CRASH", undefined, from), undefined);
    assertEquals(store.records.length, 1);
    assertEquals(refused.length, 4);
    assertEquals(reads, 0, "a refusal reads the disk (trust 5)");
  },
);

Deno.test(
  "SM_UNMON removes one registration and answers the state in every case",
  pure,
  async () => {
    const { store, list, log, call } = setUp();
    await call("SM_MON", mon("nodeb"));
    await call("SM_MON", mon("nodeb", { my_vers: 4 }));
    assertEquals(await call("SM_UNMON", mon("NodeB").mon_id), { state: 7 });
    assertEquals(store.records.map((record) => record.myVers), [4]);
    assertEquals(await call("SM_UNMON", mon("nodeb").mon_id), { state: 7 });
    assertMatch(log.of("warning")[0]!, /erroneous SM_UNMON request from "here" for "nodeb"/);
    assertEquals(list.size, 1);
  },
);

Deno.test(
  "an SM_UNMON that does not reach the disk gets SYSTEM_ERR, and changes nothing",
  pure,
  async () => {
    const { disk, store, list, call } = setUp();
    await call("SM_MON", mon("nodeb"));
    disk.fault = "Read-only file system";
    assertEquals(await call("SM_UNMON", mon("nodeb").mon_id), "accept_stat accepted");
    disk.fault = undefined;
    assertEquals([list.size, store.records.length], [1, 1]);
    await call("SM_UNMON", mon("nodeb").mon_id);
    assertEquals([list.size, store.records.length], [0, 0]);
  },
);

Deno.test("SM_UNMON_ALL removes the registrations of one requester", pure, async () => {
  const { store, call } = setUp();
  for (const name of ["a", "b", "c"]) await call("SM_MON", mon(name));
  await call("SM_MON", mon("a", { my_vers: 4 }));
  const freebsd = { my_name: "NFS NLM", my_prog: 0, my_vers: 0, my_proc: 0 };
  assertEquals(await call("SM_UNMON_ALL", freebsd), { state: 7 });
  assertEquals(store.records.length, 4);
  assertEquals(await call("SM_UNMON_ALL", { ...me, my_name: "HERE" }), { state: 7 });
  assertEquals(store.records.map((record) => record.myVers), [4]);
});

Deno.test("SM_STAT judges the name by syntax and always gives the local state", pure, async () => {
  const { call } = setUp();
  const stat = (mon_name: string) => call("SM_STAT", { mon_name }, { address: "192.0.2.1" });
  assertEquals(await stat("192.0.2.1"), { res_stat: 0, state: 7 });
  assertEquals(await stat(""), { res_stat: 1, state: 7 });
  assertEquals(await stat("../x"), { res_stat: 1, state: 7 });
});

Deno.test(
  "the state number is the last known one while the disk cannot be read",
  pure,
  async () => {
    const { disk, log, call } = setUp();
    await call("SM_STAT", { mon_name: "a" });
    disk.fault = "Input/output error";
    assertEquals(await call("SM_STAT", { mon_name: "a" }), { res_stat: 0, state: 7 });
    await call("SM_STAT", { mon_name: "a" });
    assertEquals(log.of("error").length, 1);
    assertMatch(log.of("error")[0]!, /Input\/output error/);
  },
);

Deno.test(
  "SM_SIMU_CRASH clears the memory, keeps the disk and notifies the peers",
  pure,
  async () => {
    const { store, list, call, crashes } = setUp();
    for (const name of ["a", "b", "c"]) await call("SM_MON", mon(name));
    await call("SM_SIMU_CRASH", undefined, { port: 1024 });
    assertEquals([list.size, crashes()], [3, 0]);
    await call("SM_SIMU_CRASH", undefined);
    assertEquals([list.size, store.records.length, crashes()], [0, 3, 1]);
  },
);

Deno.test("callouts are awaited, in nfs-utils' order", pure, async () => {
  const events: string[] = [];
  const record = (...event: unknown[]) => Promise.resolve(void events.push(event.join(" ")));
  const { store, call } = setUp({
    isFull: false,
    monitored: (...args) => record("add-client", ...args, store.records.length),
    unmonitored: (...args) => record("del-client", ...args, store.records.length),
    notified: (...args) => record("sm-notify", ...args),
  });
  await call("SM_MON", mon("nodeb", { my_name: "my name" }));
  await call("SM_MON", mon("nodeb", { my_name: "my name" }));
  await call("SM_NOTIFY", { mon_name: "nodeb", state: 5 }, { address: "10.0.0.2" });
  await call("SM_UNMON", mon("nodeb", { my_name: "my name" }).mon_id);
  assertEquals(events, [
    "add-client nodeb my_name 1",
    "sm-notify nodeb 10.0.0.2 5",
    "del-client nodeb my_name 1",
  ]);
});

Deno.test(
  "trust 5: only a notice that is news has a callout, and only within limits",
  pure,
  async () => {
    const events: string[] = [];
    const { call } = setUp({
      isFull: false,
      monitored: () => Promise.resolve(),
      unmonitored: () => Promise.resolve(),
      notified: (...args) => Promise.resolve(void events.push(args.join(" "))),
    });
    const notify = (mon_name: string, address: string, state: number) =>
      call("SM_NOTIFY", { mon_name, state }, { address });
    await notify("nodeb", "10.0.0.2", 5);
    await call("SM_MON", mon("nodeb"));
    await notify("stranger", "10.0.0.9", 5);
    assertEquals(events, []);
    await notify("nodeb", "10.0.0.2", 5);
    await notify("nodeb", "10.0.0.2", 5);
    await notify("nodeb\xff", "127.0.0.1", 5);
    assertEquals(events, ["nodeb 10.0.0.2 5", "nodeb\xff 127.0.0.1 5"]);
    // The bucket of one source, and the two notices that it sent before.
    const replies: unknown[] = [];
    for (let state = 6; state < 1100; state++) {
      replies.push(
        await notify("nodeb", "10.0.0.2", state),
      );
    }
    const answered = replies.filter((reply) => reply !== "no reply").length;
    assertEquals([answered, events.length], [1021, 1023]);
  },
);

Deno.test(
  "trust 12: errors of loopback callers are logged within limits",
  pure,
  async () => {
    const clock = new FakeClock();
    const { log, call } = setUp(undefined, (log) => limited(log, clock));
    for (let i = 0; i < 100; i++) {
      await call("SM_UNMON", mon(`host${i}`).mon_id);
      await call("SM_MON", mon(`../host${i}`));
      await call("SM_MON", mon("nodeb", { my_prog: 1 + i }));
    }
    const [unmon, refused] = ["Received erroneous SM_UNMON", "STAT_FAIL to"];
    for (const text of [unmon, refused, "POSSIBLE SPOOF"]) {
      assertEquals(log.lines.filter((line) => line.includes(text)).length, 5, text);
    }
  },
);

Deno.test(
  "trust 11: registrations of a host, of a my_name, hosts and bytes have limits",
  pure,
  async () => {
    const most = { peers: 100, ofPeer: 100, ofMyName: 100, bytes: 10_000 };
    const outcome = async (limits: RegistrationLimits, ...calls: readonly Mon[]) => {
      const { call, log, list } = setUp(undefined, undefined, limits);
      const results = [];
      for (const one of calls) {
        const result = await call("SM_MON", one);
        results.push(typeof result === "object" && "res_stat" in result && result.res_stat === 0);
      }
      assertEquals(log.of("warning").length, results.filter((isDone) => !isDone).length);
      assertEquals(
        list.size,
        results.filter((isDone) => isDone).length - (calls.length > 3 ? 1 : 0),
      );
      return results;
    };
    const names = ["a", "b", "c"].map((name) => mon(name));
    const mine = ["x", "y", "z"].map((my_name) => mon("host", { my_name }));
    assertEquals(await outcome({ ...most, peers: 2 }, ...names, names[0]!), [
      true,
      true,
      false,
      true,
    ]);
    assertEquals(await outcome({ ...most, ofPeer: 2 }, ...mine, mine[0]!), [
      true,
      true,
      false,
      true,
    ]);
    assertEquals(await outcome({ ...most, ofMyName: 2 }, ...names), [true, true, false]);
    assertEquals(await outcome({ ...most, bytes: 150 }, ...names), [true, true, false]);
  },
);

Deno.test("trust 5: a call whose callout cannot be run is not answered", pure, async () => {
  const { call, list, called } = setUp({
    isFull: true,
    monitored: () => Promise.resolve(),
    unmonitored: () => Promise.resolve(),
    notified: () => undefined,
  });
  assertEquals(await call("SM_MON", mon("nodeb")), "no reply");
  assertEquals(await call("SM_UNMON", mon("nodeb").mon_id), "no reply");
  assertEquals(await call("SM_UNMON_ALL", me), "no reply");
  assertEquals(await call("SM_NOTIFY", { mon_name: "nodeb", state: 5 }), "no reply");
  assertEquals([list.size, called], [0, []]);
});

Deno.test("notices before an SM_MON do not affect it", pure, async () => {
  const { list, call } = setUp();
  await call("SM_MON", mon("nodeb"));
  await call("SM_NOTIFY", { mon_name: "x", state: 5 }, { address: "10.0.0.2" });
  await call("SM_MON", mon("nodec"));
  await call("SM_MON", mon("nodeb"));
  const since = (name: string) => [...list.about(name)].map(({ behind }) => behind);
  assertEquals([since("nodeb"), since("nodec")], [[0], [1]]);
  await call("SM_MON", mon("nodeb", {}, 2));
  assertEquals(since("nodeb"), [1]);
});

Deno.test("a failed SM_MON leaves the next one alone (review 17)", pure, async () => {
  const { disk, store, list, call } = setUp();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const replies: Promise<unknown>[] = [];
  for (const [i, { promise }] of gates.entries()) {
    disk.gate = promise;
    replies.push(call("SM_MON", mon("nodeb", {}, i + 1)));
  }
  disk.fault = "No space left on device";
  gates[0]!.resolve();
  assertEquals(await replies[0], FAILED);
  disk.fault = undefined;
  gates[1]!.resolve();
  assertEquals(await replies[1], { res_stat: 0, state: 7 });
  assertEquals([...list.about("nodeb")].map(({ record }) => record.priv), [privOf(2)]);
  assertEquals(store.records.map(({ priv }) => priv), [privOf(2)]);
});

Deno.test("a peer whose SM_UNMON overtook its SM_MON is not looked up", pure, async () => {
  const { disk, directory, call } = setUp();
  const [slow, quick] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  disk.gate = slow.promise;
  const registered = call("SM_MON", mon("nodeb"));
  disk.gate = quick.promise;
  const removed = call("SM_UNMON", { mon_name: "nodeb", my_id: me });
  quick.resolve();
  await removed;
  slow.resolve();
  await registered;
  assertEquals([directory.isUnresolved("nodeb"), directory.isComplete], [false, true]);
});

Deno.test("SM_MON is answered after its callout", pure, async () => {
  const ended = Promise.withResolvers<void>();
  const { call } = setUp({
    isFull: false,
    monitored: () => ended.promise,
    unmonitored: () => Promise.resolve(),
    notified: () => undefined,
  });
  let isAnswered = false;
  const reply = call("SM_MON", mon("nodeb")).finally(() => isAnswered = true);
  for (let turn = 0; turn < 50; turn++) await undefined;
  assertEquals(isAnswered, false);
  ended.resolve();
  assertEquals(await reply, { res_stat: 0, state: 7 });
});
