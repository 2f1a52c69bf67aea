import { isLoopback } from "../../lib/rpc/address.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { makeCounters } from "../../lib/nsm/counters.ts";
import type { LimitedLog } from "../../lib/log_limits.ts";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { SourceCheck } from "../../lib/nsm/notice_gate.ts";
import { Notices } from "../../lib/nsm/notices.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import { NoPeerMemory } from "../../lib/store/volatile_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;
/** Time for the look-ups of some peers, one after the other, with the pause before the first. */
const SETTLING_MS = 300;
/** Turns of the microtask queue after which all code waits for time. */
const PROMISE_TURNS = 50;

function setUp(...monitored: string[]) {
  return setUpWith("warn", ...monitored);
}

function setUpWith(sourceCheck: SourceCheck, ...monitored: string[]) {
  const resolver = new FakeResolver();
  const clock = new FakeClock();
  const settle = () => clock.run(SETTLING_MS);
  const log = new RecordingLog();
  const list = new MonitorList();
  const tell: LimitedLog = (level, _key, message) => log[level](message());
  const memory = new NoPeerMemory();
  const directory = new PeerDirectory({ resolver, memory, clock, log, tell });
  const called: string[] = [];
  const caughtUp: string[] = [];
  const counters = makeCounters();
  const notices = new Notices({
    list,
    directory,
    sourceCheck: () => sourceCheck,
    stateCheck: () => sourceCheck,
    clock,
    counters,
    tell,
    announce(monitored, state) {
      monitored.lastState = state;
      called.push(`${monitored.record.monName} ${state}`);
    },
    catchUp: ({ record }) => void caughtUp.push(record.monName),
    flush() {},
  });
  const watch = (monName: string, myVers = 3) => {
    const requester = { myName: "here", myProg: 100021, myVers, myProc: 16 };
    const monitored = list.add({ monName, ...requester, priv: privOf(0) });
    notices.overtaken(monitored, notices.taken);
    directory.add(monName);
  };
  monitored.forEach((monName) => watch(monName));
  const notify = (mon_name: string, address: string, state: number) => {
    const heard = [{ mon_name, state }, {
      address,
      port: 700,
      netid: "udp",
      isLocal: isLoopback(address),
    }] as const;
    return notices.admits(...heard) && notices.take(...heard);
  };
  const given = { resolver, clock, log, list, directory, counters };
  return { ...given, notices, called, caughtUp, notify, watch, settle };
}

Deno.test("loaded() compares a registration with others only behind a notice", pure, () => {
  const { list, notices, caughtUp } = setUp("nodeb");
  const [monitored] = list.about("nodeb");
  notices.loaded(monitored!);
  assertEquals(caughtUp, []);
  notices.arrived();
  notices.loaded(monitored!);
  assertEquals(caughtUp, ["nodeb"]);
});

Deno.test("take() finds a peer by its name in any letter case, at once", pure, () => {
  const { called, notify } = setUp("NodeB");
  assertEquals(notify("nodeb", "192.0.2.9", 5), true);
  assertEquals(called, ["NodeB 5"]);
});

Deno.test("take() finds a peer by its source address, at once", pure, () => {
  const { called, notify } = setUp("10.0.0.2");
  notify("whatever", "10.0.0.2", 5);
  assertEquals(called, ["10.0.0.2 5"]);
});

Deno.test(
  "take() finds a peer by a learned alias or address without asking again",
  pure,
  async () => {
    const { resolver, called, notify, watch, settle } = setUp();
    resolver.addHost("nodeb.example.net", ["10.0.0.2", "fd77::2"], ["nodeb"]);
    watch("nodeb");
    await settle();
    const asked = resolver.asked.length;
    notify("nodeb.example.net", "10.0.0.2", 5);
    notify("NODEB", "fd77::2", 7);
    await settle();
    assertEquals(called, ["nodeb 5", "nodeb 7"]);
    assertEquals(resolver.asked.length, asked);
  },
);

Deno.test(
  "a registration behind a notice of which an older one was told knows its state",
  pure,
  async () => {
    const { resolver, list, called, notify, watch, settle } = setUp("nodeb");
    resolver.addHost("nodeb.example.net", ["10.0.0.2"], ["nodeb"]);
    notify("nodeb.example.net", "10.0.0.2", 5);
    watch("nodeb", 4);
    await settle();
    assertEquals(called, ["nodeb 5"]);
    assertEquals([...list.about("nodeb")].map(({ lastState }) => lastState), [5, 5]);
    notify("nodeb.example.net", "10.0.0.2", 5);
    assertEquals(called, ["nodeb 5"]);
    notify("nodeb.example.net", "10.0.0.2", 7);
    assertEquals(called, ["nodeb 5", "nodeb 7", "nodeb 7"]);
  },
);

Deno.test(
  "a notice from before all registrations of its peer tells them nothing, as with nfs-utils",
  pure,
  async () => {
    const { resolver, list, called, notify, watch, settle } = setUp("other");
    resolver.addHost("nodeb.example.net", ["10.0.0.2"], ["nodeb"]);
    notify("nodeb.example.net", "10.0.0.2", 5);
    watch("nodeb");
    await settle();
    assertEquals([...list.about("nodeb")].map(({ lastState }) => lastState), [0]);
    assertEquals(called, []);
    notify("nodeb.example.net", "10.0.0.2", 5);
    assertEquals(called, ["nodeb 5"]);
  },
);

Deno.test("take() asks the name service if known facts do not decide", pure, async () => {
  const { resolver, called, notify, settle } = setUp("10.0.0.2");
  await settle();
  resolver.addHost("nodeb.example.net", ["10.0.0.3", "10.0.0.2"]);
  notify("NODEB.example.net", "10.0.0.3", 5);
  assertEquals(called, []);
  await settle();
  assertEquals(called, ["10.0.0.2 5"]);
});

Deno.test("matching: a name that is new stands for all addresses of its host", pure, async () => {
  const { resolver, called, notify, settle } = setUp("10.0.0.2", "10.0.0.3");
  resolver.addHost("srv-a.example.net", ["10.0.0.2"]);
  resolver.addHost("srv-b.example.net", ["10.0.0.3"]);
  await settle();
  resolver.addHost("srv.example.net", ["10.0.0.2", "10.0.0.3"]);
  notify("srv.example.net", "10.0.0.2", 5);
  assertEquals(called, ["10.0.0.2 5"], "nobody waits for the name service");
  await settle();
  assertEquals(called, ["10.0.0.2 5", "10.0.0.3 5"]);
  notify("srv", "10.0.0.2", 5);
  await settle();
  assertEquals(called.length, 2);
});

Deno.test(
  "matching: beyond the limit, a notice that its source decides is taken",
  pure,
  async () => {
    const addresses = Array.from({ length: 300 }, (_, i) => `10.0.${i >> 8}.${i & 0xff}`);
    const { called, notify, settle, directory } = setUp(...addresses);
    while (!directory.isComplete) await settle();
    for (const address of addresses) assertEquals(notify(`name of ${address}`, address, 5), true);
    assertEquals(called.length, 300);
  },
);

Deno.test("take() passes a state on once, and any other state again", pure, () => {
  const { called, notify } = setUp("nodeb");
  for (const state of [0, 5, 5, 4, -1, -1]) notify("nodeb", "192.0.2.9", state);
  assertEquals(called, ["nodeb 5", "nodeb 4", "nodeb -1"]);
});

Deno.test("take() ignores notices of strangers", pure, async () => {
  const { resolver, called, notify, log, settle } = setUp("nodeb");
  resolver.addHost("nodeb", ["10.0.0.2"]);
  assertEquals(notify("nodec\n", "192.0.2.9", 5), true);
  await settle();
  assertEquals(called, []);
  assertMatch(log.of("info")[0]!, /"nodec\\x0a" state 5 from 192.0.2.9 concerns no peer/);
});

Deno.test("take() warns when nothing is monitored", pure, () => {
  const { notify, log } = setUp();
  assertEquals(notify("nodeb", "192.0.2.9", 5), true);
  assertMatch(log.of("warning")[0]!, /SM_NOTIFY of "nodeb".*while not monitoring any hosts/);
});

Deno.test("take() leaves a notice unanswered if too many wait for the name service", pure, () => {
  const { resolver, called, notify } = setUp("nodeb");
  resolver.gate = new Promise(() => {});
  const taken = Array.from({ length: 300 }, (_, i) => notify(`n${i}`, `192.0.2.${i % 250}`, 5));
  assertEquals(taken.filter(Boolean).length, 256);
  // Told at once, but not complete: another peer may have this address.
  assertEquals(notify("nodeb", "192.0.2.9", 5), false);
  assertEquals(called, ["nodeb 5"]);
});

Deno.test(
  "take() with warn believes a name from anywhere, and warns if DNS does not confirm it",
  pure,
  async () => {
    const { resolver, called, counters, notify, watch, log, settle } = setUpWith("warn");
    resolver.addHost("nodeb", ["10.0.0.2"]);
    watch("nodeb");
    await settle();
    notify("nodeb", "192.0.2.9", 5);
    assertEquals(called, ["nodeb 5"]);
    await settle();
    assertEquals(counters.notices_doubted, 1);
    assertMatch(
      log.of("warning")[0]!,
      /is doubtful for peer "nodeb": the source is not a known address/,
    );
  },
);

Deno.test(
  "take() with enforce refuses a name from elsewhere, and believes each of its addresses",
  pure,
  async () => {
    const { resolver, called, counters, notify, watch, settle } = setUpWith("enforce");
    resolver.addHost("nodeb", ["10.0.0.2", "fd77::2"]);
    watch("nodeb");
    await settle();
    notify("nodeb", "192.0.2.9", 5);
    await settle();
    assertEquals([called, counters.notices_refused], [[], 1]);
    notify("nodeb", "10.0.0.2", 5);
    notify("whatever", "fd77::2", 7);
    assertEquals(called, ["nodeb 5", "nodeb 7"]);
  },
);

Deno.test(
  "take() with enforce believes a peer by its address before anything was learned of it",
  pure,
  async () => {
    const { resolver, directory, called, notify, watch, settle } = setUpWith("enforce");
    resolver.addHost("nodeb", ["10.0.0.2"]);
    watch("nodeb");
    notify("nodeb", "10.0.0.2", 5);
    for (let turn = 0; turn < PROMISE_TURNS; turn++) await undefined;
    assertEquals([called, directory.isComplete], [["nodeb 5"], true]);
    const asked = resolver.asked.length;
    await settle();
    assertEquals(resolver.asked.length, asked);
  },
);

Deno.test("take() logs one refusal while a look-up is outstanding", pure, async () => {
  const { log, counters, notify, settle } = setUpWith("enforce", "10.0.0.2");
  notify("10.0.0.2", "10.0.0.2", 5);
  notify("10.0.0.2", "10.0.0.2", 3);
  await settle();
  assertEquals([counters.notices_refused, log.of("warning").length], [1, 1]);
});

Deno.test(
  "take() with enforce asks again for a peer's addresses before it refuses",
  pure,
  async () => {
    const { resolver, called, notify, watch, settle } = setUpWith("enforce");
    resolver.addHost("nodeb", ["10.0.0.2"]);
    watch("nodeb");
    await settle();
    resolver.addHost("nodeb", ["10.0.0.9"]);
    notify("nodeb", "10.0.0.9", 5);
    await settle();
    assertEquals(called, ["nodeb 5"]);
  },
);

Deno.test(
  "take() with enforce does not trust the name that a source has by its own DNS",
  pure,
  async () => {
    const { resolver, called, counters, notify, watch, settle } = setUpWith("enforce");
    resolver.addHost("nodeb", ["10.0.0.2"]);
    watch("nodeb");
    await settle();
    resolver.names.set("192.0.2.9", "nodeb");
    notify("whatever", "192.0.2.9", 5);
    await settle();
    assertEquals([called, counters.notices_refused], [[], 1]);
  },
);

Deno.test("take() with enforce passes on no replay of an older state", pure, () => {
  const { called, counters, notify } = setUpWith("enforce", "10.0.0.2");
  for (const state of [9, 5, 9, 0, -1, 11]) notify("x", "10.0.0.2", state);
  assertEquals([called, counters.notices_refused], [["10.0.0.2 9", "10.0.0.2 11"], 3]);
});

Deno.test(
  "admits() leaves a flood from one address unanswered, and others untouched",
  pure,
  async () => {
    const { called, notify, settle } = setUpWith("off", "10.0.0.2");
    await settle();
    const taken = Array.from({ length: 2000 }, (_, i) => notify("10.0.0.2", "192.0.2.9", i + 1));
    assertEquals([taken.filter(Boolean).length, called.length], [1024, 1024]);
    assertEquals(notify("10.0.0.2", "192.0.2.10", 5000), true);
    assertEquals(called.at(-1), "10.0.0.2 5000");
  },
);

Deno.test(
  "take() does not apply a notice to a later registration",
  pure,
  async () => {
    const { resolver, called, notify, watch, settle } = setUp("nodeb");
    await settle();
    resolver.addHost("nodec", ["10.0.0.3"]);
    let answer = () => {};
    resolver.gate = new Promise((resolve) => answer = resolve);
    notify("nodec", "10.0.0.3", 5);
    watch("nodec");
    answer();
    await settle();
    assertEquals(called, []);
    notify("nodec", "10.0.0.3", 7);
    assertEquals(called, ["nodec 7"]);
  },
);
