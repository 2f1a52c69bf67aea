/** trust 15: the peer itself confirms or rejects a notice with an implausible state. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LimitedLog } from "../../lib/log_limits.ts";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { type LastNews, MonitorList } from "../../lib/nsm/monitor_list.ts";
import { Notices } from "../../lib/nsm/notices.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import type { SourceCheck } from "../../lib/nsm/notice_gate.ts";
import type { CallPeer, KeptNotice, NoticeMemory } from "../../lib/nsm/ports.ts";
import { NoPeerMemory } from "../../lib/store/volatile_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { privOf } from "../support/priv.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;
const PORT = 4050;

/** `states` are those of the peers' status monitors, by address. */
function setUp(
  states: Record<string, number>,
  more: { memory?: NoticeMemory; stateCheck?: () => SourceCheck } = {},
) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const list = new MonitorList();
  const resolver = new FakeResolver();
  const tell: LimitedLog = (level, _key, message) => log[level](message());
  const directory = new PeerDirectory({ resolver, memory: new NoPeerMemory(), clock, log, tell });
  const told: string[] = [];
  const asked: string[] = [];
  const gate = { isOpen: true, wait: Promise.withResolvers<void>() };
  const callPeer: CallPeer = {
    async call(_program, name, _args, { address }, transport) {
      asked.push(`${name} ${transport} ${address}`);
      if (!gate.isOpen) await gate.wait.promise;
      const state = states[address];
      if (state === undefined) throw new Error("connection refused");
      return (name === "SM_STAT"
        ? { res_stat: 1, state }
        : name === "PMAPPROC_GETPORT"
        ? PORT
        : "");
    },
  } as CallPeer;
  const counters = makeCounters();
  const notices = new Notices({
    list,
    directory,
    sourceCheck: () => "warn",
    stateCheck: () => "enforce",
    ...more,
    callPeer,
    clock,
    counters,
    tell,
    announce(monitored, state) {
      monitored.lastState = state;
      told.push(`${monitored.record.monName} ${state}`);
    },
    catchUp() {},
    flush() {},
  });
  const watch = (monName: string, lastState: number, ordinals: Partial<LastNews> = {}) => {
    const requester = { myName: "here", myProg: 100021, myVers: 3, myProc: 16 };
    list.addStored({ monName, ...requester, priv: privOf(0) }, {
      lastState,
      lastNotice: 0,
      heardAt: undefined,
      ...ordinals,
    });
    directory.add(monName);
  };
  const notify = (mon_name: string, address: string, state: number) =>
    notices.take({ mon_name, state }, { address, port: 700, netid: "udp", isLocal: false });
  const stats = () => asked.filter((it) => it.startsWith("SM_STAT"));
  return {
    clock,
    log,
    list,
    resolver,
    directory,
    notices,
    counters,
    told,
    stats,
    gate,
    watch,
    notify,
  };
}

Deno.test(
  "trust 15: a reinstalled peer is believed once it confirms its state",
  pure,
  async () => {
    const { clock, log, notices, told, stats, watch, notify } = setUp({ "10.0.0.2": 3 });
    watch("10.0.0.2", 21);
    assertEquals(notify("10.0.0.2", "10.0.0.2", 3), true);
    assertEquals([told, notices.kept], [[], 1]);
    await clock.run(10_000);
    assertEquals([told, stats(), notices.kept], [["10.0.0.2 3"], ["SM_STAT tcp 10.0.0.2"], 0]);
    assertMatch(
      log.of("warning")[0]!,
      /state 3 is implausible, and the peer itself is asked/,
    );
  },
);

/** Adds a registration behind all notices so far. */
function addYounger({ list, notices }: Pick<ReturnType<typeof setUp>, "list" | "notices">) {
  const requester = { myName: "younger", myProg: 100021, myVers: 3, myProc: 16 };
  const younger = list.add({ monName: "10.0.0.2", ...requester, priv: privOf(0) });
  notices.overtaken(younger, notices.taken);
  return younger;
}

Deno.test(
  "trust 15: a registration that is younger than the question is told by the peer's own notice",
  pure,
  async () => {
    const world = setUp({ "10.0.0.2": 21 });
    const { clock, told, stats, gate, watch, notify } = world;
    watch("10.0.0.2", 19);
    notify("10.0.0.2", "10.0.0.2", 17);
    gate.isOpen = false;
    await clock.run(10);
    const younger = addYounger(world);
    gate.wait.resolve();
    await clock.run(1_000);
    assertEquals([told, stats().length, younger.lastState], [[], 1, 19]);
    // What the other registration knows is doubted for this one too.
    younger.lastState = 0;
    notify("10.0.0.2", "10.0.0.2", 15);
    assertEquals(told, []);
    notify("10.0.0.2", "10.0.0.2", 21);
    assertEquals(told, ["10.0.0.2 21", "10.0.0.2 21"]);
    await clock.run(20_000);
    assertEquals([told.length, stats().length], [2, 2]);
  },
);

Deno.test(
  "trust 15: without that notice, the peer is asked again, and all registrations know one state",
  pure,
  async () => {
    const world = setUp({ "10.0.0.2": 21 });
    const { clock, list, notices, told, stats, gate, watch, notify } = world;
    watch("10.0.0.2", 19);
    notify("10.0.0.2", "10.0.0.2", 17);
    gate.isOpen = false;
    await clock.run(10);
    addYounger(world);
    gate.wait.resolve();
    await clock.run(20_000);
    assertEquals([told, notices.kept], [["10.0.0.2 21", "10.0.0.2 21"], 0]);
    assertEquals(Array.from(list.all(), ({ lastState }) => lastState), [21, 21]);
    assertEquals(stats().length, 2);
    notify("10.0.0.2", "10.0.0.2", 21);
    assertEquals(told.length, 2);
  },
);

Deno.test(
  "trust 15: a registration that is younger than the notice and older than the question is told of another state",
  pure,
  async () => {
    const world = setUp({ "10.0.0.2": 21 });
    const { clock, list, told, watch, notify } = world;
    watch("10.0.0.2", 19);
    notify("10.0.0.2", "10.0.0.2", 17);
    addYounger(world);
    await clock.run(10_000);
    assertEquals(told, ["10.0.0.2 21", "10.0.0.2 21"]);
    assertEquals(Array.from(list.all(), ({ lastState }) => lastState), [21, 21]);
  },
);

Deno.test(
  "trust 15: a registration that is younger than a notice knows its state once the peer confirms it",
  pure,
  async () => {
    const world = setUp({ "10.0.0.2": 3 });
    const { clock, list, told, watch, notify } = world;
    watch("10.0.0.2", 21);
    notify("10.0.0.2", "10.0.0.2", 3);
    addYounger(world);
    await clock.run(10_000);
    assertEquals(told, ["10.0.0.2 3"]);
    const known = Array.from(list.all(), ({ lastState, lastNotice }) => [lastState, lastNotice]);
    assertEquals(known, [[3, 2], [3, 2]]);
    notify("10.0.0.2", "10.0.0.2", 3);
    assertEquals(told.length, 1);
  },
);

Deno.test(
  "trust 15: a forged high state does not silence its peer, and causes no callback",
  pure,
  async () => {
    const states = { "10.0.0.2": 5 };
    const { clock, log, told, counters, watch, notify } = setUp(states);
    watch("10.0.0.2", 5);
    notify("10.0.0.2", "10.0.0.2", 0x7fffffff);
    await clock.run(10_000);
    assertEquals([told, counters.notices_refused], [[], 1]);
    assertMatch(log.of("warning").at(-1)!, /2147483647 .* is refused .* itself says that it is 5/);
    states["10.0.0.2"] = 7;
    notify("10.0.0.2", "10.0.0.2", 7);
    assertEquals(told, ["10.0.0.2 7"]);
  },
);

Deno.test("trust 15: a peer recovers from an earlier forged high state", pure, async () => {
  const { clock, told, watch, notify } = setUp({ "10.0.0.2": 7 });
  watch("10.0.0.2", 0x7fffffff);
  notify("10.0.0.2", "10.0.0.2", 7);
  await clock.run(10_000);
  assertEquals(told, ["10.0.0.2 7"]);
});

Deno.test("trust 15: the peer's answer counts, whatever the notice said", pure, async () => {
  const { clock, told, watch, notify } = setUp({ "10.0.0.2": 9 });
  watch("10.0.0.2", 5);
  notify("10.0.0.2", "10.0.0.2", 3);
  await clock.run(10_000);
  assertEquals(told, ["10.0.0.2 9"]);
});

Deno.test("trust 15: a peer is asked again for a minute, until it is up", pure, async () => {
  const states: Record<string, number> = {};
  const { clock, told, watch, notify } = setUp(states);
  watch("10.0.0.2", 21);
  notify("10.0.0.2", "10.0.0.2", 3);
  await clock.run(40_000);
  assertEquals(told, []);
  states["10.0.0.2"] = 3;
  await clock.run(10_000);
  assertEquals(told, ["10.0.0.2 3"]);
});

Deno.test("trust 15: a notice of a silent peer is finally rejected", pure, async () => {
  const { clock, log, notices, told, counters, watch, notify } = setUp({});
  watch("10.0.0.2", 21);
  notify("10.0.0.2", "10.0.0.2", 3);
  await clock.run(90_000);
  assertEquals([told, notices.kept, counters.notices_refused], [[], 0, 1]);
  assertMatch(
    log.of("warning").at(-1)!,
    /is refused .* is implausible, and connection refused/,
  );
});

Deno.test(
  "trust 15: only addresses that the peer is known to have are asked, its source first",
  pure,
  async () => {
    const { clock, resolver, told, stats, watch, notify } = setUp({
      "10.0.0.2": 3,
      "10.0.0.3": 3,
      "192.0.2.9": 77,
    });
    resolver.addHost("nodeb", ["10.0.0.2", "10.0.0.3"]);
    watch("nodeb", 21);
    await clock.run(300);
    notify("nodeb", "192.0.2.9", 77_777_777);
    await clock.run(20_000);
    assertEquals(stats(), ["SM_STAT tcp 10.0.0.2"]);
    assertEquals(told, ["nodeb 3"]);
  },
);

Deno.test(
  "trust 15: in a flood the peer is asked once in five seconds, and no genuine notice is lost",
  pure,
  async () => {
    const states = { "10.0.0.2": 5 };
    const { clock, told, counters, stats, watch, notify } = setUp(states);
    watch("10.0.0.2", 5);
    for (let i = 0; i < 200; i++) {
      notify("10.0.0.2", "10.0.0.2", 1_000_000 + i);
      await clock.run(10);
    }
    states["10.0.0.2"] = 3;
    notify("10.0.0.2", "10.0.0.2", 3);
    await clock.run(20_000);
    assertEquals(told, ["10.0.0.2 3"]);
    assert(stats().length <= 3, String(stats().length));
    assertEquals(counters.notices_refused, 200);
  },
);

Deno.test(
  "trust 15: few peers are asked at a time, and silent ones do not block the rest",
  pure,
  async () => {
    const states: Record<string, number> = { "10.0.9.9": 3 };
    const { clock, told, gate, stats, watch, notify } = setUp(states);
    for (let i = 0; i < 100; i++) watch(`10.0.0.${i}`, 21);
    watch("10.0.9.9", 21);
    await clock.run(30_000);
    gate.isOpen = false;
    for (let i = 0; i < 100; i++) notify(`10.0.0.${i}`, `10.0.0.${i}`, 3);
    notify("10.0.9.9", "10.0.9.9", 3);
    await clock.run(1_000);
    assertEquals(stats(), []);
    gate.isOpen = true;
    gate.wait.resolve();
    await clock.run(60_000);
    assertEquals(told, ["10.0.9.9 3"]);
  },
);

/** Storage of kept notices that outlives a run. */
function memoryOfNotices() {
  const kept = new Map<number, KeptNotice>();
  const memory: NoticeMemory = {
    load: () => ({ isWhole: true, notices: [...kept.values()], overtaken: new Map() }),
    overtake: () => {},
    keep: (notice) => void kept.set(notice.ordinal, { ...kept.get(notice.ordinal), ...notice }),
    doubt: (notice) => void kept.set(notice.ordinal, { ...notice, isDoubted: true }),
    flush: () => true,
    tidy: () => {},
    forget: ({ ordinal }) => void kept.delete(ordinal),
  };
  return { kept, memory };
}

for (const [stateCheck, says] of [["enforce", 3], ["warn", 3], ["warn", 23]] as const) {
  Deno.test(
    `trust 15: a restart with ${stateCheck} leaves a doubted notice to its peer, which says ${says}`,
    pure,
    async () => {
      const { kept, memory } = memoryOfNotices();
      const first = setUp({}, { memory });
      first.watch("10.0.0.2", 21);
      first.notify("10.0.0.2", "10.0.0.2", 3);
      await first.clock.run(1_000);
      first.notices.stop();
      const second = setUp({ "10.0.0.2": says }, { memory, stateCheck: () => stateCheck });
      second.watch("10.0.0.2", 21);
      second.notices.restore();
      await second.clock.run(10_000);
      assertEquals([second.told, kept.size], [[`10.0.0.2 ${says}`], 0]);
    },
  );
}

for (const stateCheck of ["warn", "off"] as const) {
  for (
    const [later, told] of [[23, ["10.0.0.2 23"]], [21, ["10.0.0.2 23", "10.0.0.2 21"]]] as const
  ) {
    Deno.test(
      `trust 15: with ${stateCheck} too, a notice from before the peer's answer is left to the peer, which says ${later}`,
      pure,
      async () => {
        let mode: SourceCheck = "enforce";
        const states = { "10.0.0.2": 23 };
        const world = setUp(states, { stateCheck: () => mode });
        world.watch("10.0.0.2", 17);
        world.notify("10.0.0.2", "10.0.0.2", 15);
        world.gate.isOpen = false;
        await world.clock.run(10);
        const arrived = world.notices.arrived(); // its callout runs meanwhile
        world.gate.wait.resolve();
        await world.clock.run(1_000);
        assertEquals(world.told, ["10.0.0.2 23"]);
        mode = stateCheck;
        states["10.0.0.2"] = later;
        const caller = { address: "10.0.0.2", port: 700, netid: "udp", isLocal: false } as const;
        await world.notices.take({ mon_name: "10.0.0.2", state: 21 }, caller, arrived, true);
        assertEquals(world.told, ["10.0.0.2 23"]);
        await world.clock.run(10_000);
        assertEquals([world.told, world.notices.kept], [[...told], 0]);
        world.notify("10.0.0.2", "10.0.0.2", 3);
        assertEquals(world.told.at(-1), "10.0.0.2 3");
      },
    );
  }
}

Deno.test(
  "trust 15: a notice that came between question and answer and is newer than both is believed",
  pure,
  async () => {
    const { clock, notices, told, gate, watch, notify } = setUp({ "10.0.0.2": 23 });
    watch("10.0.0.2", 17);
    notify("10.0.0.2", "10.0.0.2", 15);
    gate.isOpen = false;
    await clock.run(10);
    const arrived = notices.arrived();
    gate.wait.resolve();
    await clock.run(1_000);
    const caller = { address: "10.0.0.2", port: 700, netid: "udp", isLocal: false } as const;
    await notices.take({ mon_name: "10.0.0.2", state: 25 }, caller, arrived, true);
    assertEquals(told, ["10.0.0.2 23", "10.0.0.2 25"]);
  },
);

Deno.test(
  "trust 15: a notice from before the peer's answer is left to the peer after a restart too",
  pure,
  async () => {
    const { memory } = memoryOfNotices();
    memory.keep({ name: "10.0.0.2", address: "10.0.0.2", state: 21, at: 0, ordinal: 3 });
    const { clock, notices, told, stats, watch } = setUp({ "10.0.0.2": 23 }, {
      memory,
      stateCheck: () => "warn",
    });
    watch("10.0.0.2", 23, { lastNotice: 2, lastAnswer: 4 });
    notices.restore();
    await clock.run(10_000);
    assertEquals([told, stats().length, notices.kept], [[], 1, 0]);
  },
);

Deno.test(
  "trust 15: a notice that was not doubted is believed by a run with warn",
  pure,
  async () => {
    const { memory } = memoryOfNotices();
    memory.keep({ name: "10.0.0.2", address: "10.0.0.2", state: 3, at: 0, ordinal: 1 });
    const { clock, notices, told, watch } = setUp({ "10.0.0.2": 23 }, {
      memory,
      stateCheck: () => "warn",
    });
    watch("10.0.0.2", 21);
    notices.restore();
    await clock.run(10_000);
    assertEquals(told, ["10.0.0.2 3"]);
  },
);

Deno.test(
  "trust 15: a registration removed before the peer's answer gets no callback",
  pure,
  async () => {
    const { clock, list, notices, told, gate, watch, notify } = setUp({ "10.0.0.2": 3 });
    watch("10.0.0.2", 21);
    gate.isOpen = false;
    notify("10.0.0.2", "10.0.0.2", 3);
    await clock.run(10);
    list.remove([...list.all()][0]!);
    gate.wait.resolve();
    await clock.run(10_000);
    assertEquals([told, notices.kept], [[], 0]);
  },
);

Deno.test("trust 15: one source can make few notices wait for peers' answers", pure, () => {
  const { notices, watch } = setUp({});
  watch("10.0.0.2", 5);
  const caller = { address: "10.0.0.2", port: 700, netid: "udp", isLocal: false } as const;
  for (let i = 0; i < 200; i++) {
    const notice = { mon_name: "10.0.0.2", state: 1_000_000 + i };
    if (notices.admits(notice, caller)) void notices.handle(notice, caller);
  }
  assert(notices.kept > 0 && notices.kept <= 20, String(notices.kept));
});

Deno.test(
  "trust 15: for a thousand names of one host, a few peers are asked at a time",
  pure,
  async () => {
    const { clock, notices, directory, stats, told, watch, notify } = setUp({ "10.0.0.2": 3 });
    for (let i = 0; i < 1_000; i++) {
      watch(`n${i}`, 21);
      directory.add(`n${i}`, ["10.0.0.2"]);
    }
    notify("stranger", "10.0.0.2", 3);
    assert(stats().length <= 16, String(stats().length));
    for (let turn = 0; notices.kept > 0 && turn < 100; turn++) await clock.run(5_000);
    assertEquals([told.length, notices.kept], [1_000, 0]);
  },
);
