/** matching.md, trust 14, F1: notices that arrive before the names of their peers are known. */

import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import type { LimitedLog } from "../../lib/log_limits.ts";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { KEPT_MAX, KEPT_MS } from "../../lib/nsm/kept_notices.ts";
import { nameKey } from "../../lib/nsm/host_name.ts";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import { COPY_MS, type SourceCheck } from "../../lib/nsm/notice_gate.ts";
import { Notices } from "../../lib/nsm/notices.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import type {
  Callout,
  HostAddresses,
  Lookup,
  NoticeMemory,
  Resolver,
} from "../../lib/nsm/ports.ts";
import { registrationKey } from "../../lib/nsm/registration_key.ts";
import { STATES_MAX } from "../../lib/nsm/replaced_states.ts";
import { openNoticeFile } from "../../lib/store/notice_file.ts";
import { NoPeerMemory } from "../../lib/store/volatile_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;
const TRY_LATER: Lookup<never> = { outcome: "tryLater", reason: "silent" };
const NOT_FOUND: Lookup<never> = { outcome: "notFound", reason: "no such name" };
/** Time after which all facts about a few peers are known, in ms. */
const LEARNED_MS = 120_000;
/** Registrations of one peer whose judging takes longer than look-ups, at a millisecond each. */
const REGISTRATIONS = 1_000;

/** Name service without reverse names that begins to answer at some time. */
function names(
  clock: FakeClock,
  { answersAt, hosts, official, asked, silent, gate }: {
    readonly answersAt: number;
    readonly hosts: Record<string, string>;
    readonly official: Record<string, string>;
    readonly asked: string[];
    readonly silent: string | undefined;
    readonly gate: Promise<void> | undefined;
  },
): Resolver {
  return {
    async addressesOf(name): Promise<Lookup<HostAddresses>> {
      asked.push(name);
      if (gate !== undefined) await gate;
      const address = hosts[name.toLowerCase()];
      if (clock.now() < answersAt || name === silent) return TRY_LATER;
      if (address === undefined) return NOT_FOUND;
      const canonicalName = official[name] ?? name.toLowerCase();
      return { outcome: "found", value: { canonicalName, addresses: [address] } };
    },
    nameOf: () => Promise.resolve(clock.now() < answersAt ? TRY_LATER : NOT_FOUND),
  };
}

/** Clock that also advances by work. */
class WorkingClock extends FakeClock {
  worked = 0;

  override now(): number {
    return super.now() + this.worked;
  }
}

function life(
  {
    answersAt = 0,
    mode = "warn",
    memory,
    hosts = { "h7.nsm.test": "10.0.1.7" },
    official = {},
    asked = [],
    silent,
    callout,
    gate,
    announcingMs = 0,
  }: {
    readonly answersAt?: number;
    readonly mode?: SourceCheck;
    readonly memory?: NoticeMemory;
    readonly hosts?: Record<string, string>;
    /** Official names, by aliases. */
    readonly official?: Record<string, string>;
    /** Names looked up, in order. */
    readonly asked?: string[];
    /** Name without an answer. */
    readonly silent?: string;
    readonly callout?: Callout;
    /** Answers wait for this promise. */
    readonly gate?: Promise<void>;
    /** Time to tell one lock manager, in ms. */
    readonly announcingMs?: number;
  } = {},
) {
  const clock = new WorkingClock();
  const log = new RecordingLog();
  const list = new MonitorList();
  const tell: LimitedLog = (level, _key, message) => log[level](message());
  const resolver = names(clock, { answersAt, hosts, official, asked, silent, gate });
  const directory = new PeerDirectory({ resolver, memory: new NoPeerMemory(), clock, log, tell });
  const called: string[] = [];
  const notices = new Notices({
    list,
    directory,
    ...(memory && { memory }),
    ...(callout && { callout: () => callout }),
    sourceCheck: () => mode,
    stateCheck: () => mode,
    clock,
    counters: makeCounters(),
    tell,
    announce(monitored, state) {
      clock.worked += announcingMs;
      const { lastState, record } = monitored;
      list.replacedStates.note(nameKey(record.monName), lastState, state, clock.now());
      monitored.lastState = state;
      called.push(`${monitored.record.monName} ${state}`);
    },
    catchUp() {},
    flush() {},
  });
  const watch = (monName: string, myName = "here") => {
    const requester = { myName, myProg: 100021, myVers: 3, myProc: 16 };
    notices.overtaken(list.add({ monName, ...requester, priv: privOf(0) }), notices.taken);
    directory.add(monName);
  };
  const load = (monName: string, myName = "here") => {
    const requester = { myName, myProg: 100021, myVers: 3, myProc: 16 };
    list.addStored({ monName, ...requester, priv: privOf(0) });
    directory.add(monName);
  };
  const notify = (mon_name: string, address: string, state: number) =>
    notices.take({ mon_name, state }, { address, port: 700, netid: "udp", isLocal: false });
  return { clock, log, list, directory, notices, called, watch, load, notify };
}

for (const mode of ["off", "warn", "enforce"] as const) {
  for (const noticeAt of [0, 50, 300]) {
    for (const answersAt of [0, 2_000, 30_000]) {
      Deno.test(
        `a notice ${noticeAt} ms after SM_MON, names after ${answersAt} ms, ${mode}: one callback`,
        pure,
        async () => {
          const { clock, notices, called, watch, notify } = life({ answersAt, mode });
          watch("h7.nsm.test");
          await clock.run(noticeAt);
          assertEquals(notify("stranger", "10.0.1.7", 5), true);
          await clock.run(LEARNED_MS);
          assertEquals([called, notices.kept], [["h7.nsm.test 5"], 0]);
        },
      );
    }
  }
}

Deno.test("F1: a short name is matched by the address of the full one", pure, async () => {
  const hosts = { nodeb: "10.66.0.2", "nodeb.example.net": "10.66.0.2" };
  const { clock, called, watch, notify } = life({ hosts });
  watch("nodeb");
  notify("nodeb.example.net", "10.66.0.2", 5);
  await clock.run(10);
  assertEquals(called, ["nodeb 5"]);
});

Deno.test("F1: the peers of a notice are looked up before thousands of others", pure, async () => {
  const { clock, called, watch, notify } = life({ hosts: { node2999: "10.0.0.9" } });
  for (let i = 0; i < 3000; i++) watch(`node${i}`);
  notify("node2999.example.net", "10.0.0.9", 5);
  await clock.run(100);
  assertEquals(called, ["node2999 5"]);
});

Deno.test(
  "trust 14: enforce with a silent name service makes the callback later",
  pure,
  async () => {
    const { clock, notices, called, watch, notify } = life({ answersAt: 300_000, mode: "enforce" });
    watch("h7.nsm.test");
    notify("h7.nsm.test", "10.0.1.7", 5);
    notify("h7.nsm.test", "192.0.2.66", 7);
    await clock.run(200_000);
    assertEquals([called, notices.kept], [[], 2]);
    await clock.run(LEARNED_MS * 2);
    assertEquals([called, notices.kept], [["h7.nsm.test 5"], 0]);
  },
);

Deno.test("a kept notice survives the daemon, and causes one callback", pure, async () => {
  const disk = new FragileDisk(["/nsm/sm"]);
  const file = () => openNoticeFile("/nsm", { log: new RecordingLog(), fileSystem: disk });
  const first = life({ answersAt: Infinity, memory: file() });
  first.watch("h7.nsm.test");
  assertEquals(first.notify("stranger", "10.0.1.7", 5), true);
  assert(disk.textOf("/nsm/sm/.notices")?.includes("stranger"));
  await first.clock.run(LEARNED_MS);
  first.notices.stop();
  for (const told of [["h7.nsm.test 5"], []]) {
    const next = life({ memory: file() });
    next.watch("h7.nsm.test");
    next.notices.restore();
    await next.clock.run(LEARNED_MS);
    assertEquals([next.called, next.notices.kept], [told, 0]);
    assertEquals(disk.textOf("/nsm/sm/.notices"), undefined);
  }
});

Deno.test(
  "a notice that cannot be kept is not answered, and old notices expire",
  pure,
  async () => {
    let last = "";
    const memory = {
      load: () => ({ isWhole: true, notices: [], overtaken: new Map() }),
      keep: ({ name }: { name: string }) => void (last = name),
      doubt() {},
      flush: () => last !== "x",
      tidy() {},
      forget() {},
      overtake() {},
    };
    const { clock, notices, watch, notify } = life({ answersAt: Infinity, memory });
    watch("h7.nsm.test");
    assertEquals([notify("x", "10.0.1.7", 5), notify("y", "10.0.1.7", 5)], [false, true]);
    clock.wallOffset += 20 * 365 * 24 * KEPT_MS; // the clock was set, as on a machine without a battery
    await clock.runFar(KEPT_MS - 10_000);
    assertEquals(notices.kept, 1);
    await clock.runFar(20_000);
    assertEquals([notices.kept, clock.pending <= 1], [0, true]);
  },
);

Deno.test(
  "a kept notice of an earlier life does not affect later registrations",
  pure,
  async () => {
    const disk = new FragileDisk(["/nsm/sm"]);
    const file = () => openNoticeFile("/nsm", { log: new RecordingLog(), fileSystem: disk });
    const hosts = { before: "10.0.1.7", behind: "10.0.1.7" };
    const first = life({ answersAt: Infinity, memory: file(), hosts });
    first.watch("before");
    assertEquals(first.notify("stranger", "10.0.1.7", 5), true);
    first.watch("behind");
    first.notices.stop();
    const next = life({ memory: file(), hosts });
    for (const name of ["before", "behind"]) next.load(name);
    next.clock.wallOffset -= 10 * KEPT_MS; // the order does not depend on the clock
    next.notices.restore();
    await next.clock.run(LEARNED_MS);
    assertEquals(next.called, ["before 5"]);
  },
);

Deno.test("a notice of an earlier life that is over is off the disk", pure, async () => {
  const disk = new FragileDisk(["/nsm/sm"]);
  const file = () => openNoticeFile("/nsm", { log: new RecordingLog(), fileSystem: disk });
  const address = "10.0.1.7";
  const first = life({ answersAt: Infinity, memory: file() });
  first.watch(address);
  assertEquals(first.notify(address, address, 5), true);
  first.notices.stop();
  assertEquals(file().load().notices.length, 1);
  const next = life({ memory: file() });
  next.load(address);
  await next.clock.run(LEARNED_MS);
  next.notices.restore();
  await next.clock.run(10);
  assertEquals([next.called, next.notices.kept], [[`${address} 5`], 0]);
  assertEquals(file().load().notices, []);
});

Deno.test(
  "an unresolvable peer delays strangers' notices only",
  pure,
  async () => {
    const { clock, directory, notices, called, watch, notify } = life();
    for (const name of ["h7.nsm.test", "nowhere"]) watch(name);
    await clock.run(LEARNED_MS);
    assertEquals([directory.unresolved, directory.isComplete], [1, true]);
    notify("h7.nsm.test", "10.0.1.7", 5);
    notify("other", "10.0.1.7", 7);
    await clock.run(10);
    assertEquals([called, notices.kept], [["h7.nsm.test 5", "h7.nsm.test 7"], 0]);
    notify("stranger", "192.0.2.66", 5);
    await clock.run(10);
    assertEquals([notices.kept, notices.unanswered], [1, 0]);
  },
);

Deno.test(
  "a peer that resolves later gets an earlier notice",
  pure,
  async () => {
    const hosts: Record<string, string> = {};
    const { clock, notices, called, watch, notify } = life({ hosts });
    watch("h7.nsm.test");
    assertEquals(notify("stranger", "10.0.1.7", 5), true);
    await clock.run(LEARNED_MS);
    assertEquals([called, notices.kept], [[], 1]);
    hosts["h7.nsm.test"] = "10.0.1.7";
    await clock.runFar(10 * LEARNED_MS);
    assertEquals([called, notices.kept], [["h7.nsm.test 5"], 0]);
  },
);

Deno.test(
  "an unknown name is retried on its own schedule, whatever notices are kept",
  pure,
  async () => {
    const asked: string[] = [];
    const { clock, watch, notify } = life({ asked });
    for (const name of ["h7.nsm.test", "nowhere"]) watch(name);
    await clock.run(1_000);
    notify("stranger", "192.0.2.66", 5);
    await clock.runFar(600_000);
    const times = asked.filter((name) => name === "nowhere").length;
    assert(times >= 4 && times <= 8, `${times} times`);
  },
);

Deno.test(
  "with many notices, the oldest one that caused a callback is dropped",
  pure,
  async () => {
    const hosts = { "h7.nsm.test": "10.0.1.7", "h8.nsm.test": "10.0.1.8" };
    const { clock, notices, watch, notify } = life({ hosts, silent: "h8.nsm.test" });
    for (const name of Object.keys(hosts)) watch(name);
    await clock.run(1_000);
    for (let state = 1; state <= KEPT_MAX; state++) {
      assertEquals(notify(`alias${state}`, "10.0.1.7", state), true);
      await clock.run(50);
    }
    assertEquals(notices.kept, KEPT_MAX);
    assertEquals(notify("another", "10.0.1.7", 5), true);
    assertEquals(notices.kept, KEPT_MAX);
    notices.stop();
  },
);

Deno.test(
  "a peer that reboots repeatedly takes the room of few notices, and every notice is answered",
  pure,
  async () => {
    const { clock, notices, called, watch, notify } = life({ answersAt: Infinity });
    watch("h7.nsm.test");
    for (let state = 1; state <= 2 * KEPT_MAX; state++) {
      assertEquals(notify("h7.nsm.test", "10.0.1.7", state), true, `state ${state}`);
      if (state % 100 === 0) await clock.run(50);
    }
    assertEquals(called.at(-1), `h7.nsm.test ${2 * KEPT_MAX}`);
    assertEquals(notices.kept, STATES_MAX + 1);
    // A notice without a match is kept beside them.
    assertEquals(notify("stranger", "10.0.1.7", 1), true);
    assertEquals(notices.kept, STATES_MAX + 2);
    notices.stop();
  },
);

for (const copies of [1, STATES_MAX]) {
  Deno.test(
    `a registration is told of a notice behind which ${copies} copies of earlier ones arrive`,
    pure,
    async () => {
      const { clock, called, watch, notify } = life({ answersAt: 2_000 });
      for (const name of ["h7.nsm.test", "10.0.1.7"]) watch(name);
      const states = Array.from({ length: copies }, (_, i) => 11 + 2 * i);
      for (const state of states) notify("h7.nsm.test", "192.0.2.9", state);
      // The peer was reinstalled.
      for (const state of [3, ...states]) notify("stranger", "10.0.1.7", state);
      await clock.run(LEARNED_MS);
      assertEquals(
        called.filter((one) => one.startsWith("h7")).slice(0, copies + 1),
        [...states, 3].map((state) => `h7.nsm.test ${state}`),
      );
    },
  );
}

for (const announcedTo of ["10.0.1.7", "10.0.1.8"]) {
  Deno.test(
    `a repeat of a kept notice is no news to registrations since, with ${announcedTo} monitored`,
    pure,
    async () => {
      const { clock, notices, called, watch, notify } = life({ answersAt: 2_000 });
      watch(announcedTo);
      watch("h7.nsm.test", "before");
      notify("stranger", "10.0.1.7", 17);
      watch("h7.nsm.test", "behind");
      for (let i = 0; i < KEPT_MAX; i++) notify("Stranger", "10.0.1.7", 17);
      assertEquals(notices.kept, 1);
      await clock.run(LEARNED_MS);
      assertEquals(called.filter((one) => one.startsWith("h7")), ["h7.nsm.test 17"]);
      assertEquals(notices.kept, 0);
    },
  );
}

Deno.test(
  "kept notices by two names are judged as they arrived, whichever look-up ended last",
  pure,
  async () => {
    // With a gate, names are answered behind addresses.
    const { clock, called, watch, notify } = life({ answersAt: 2_000, gate: Promise.resolve() });
    watch("h7.nsm.test", "before");
    notify("stranger", "10.0.1.7", 17);
    watch("h7.nsm.test", "behind");
    notify("10.0.1.7", "10.0.1.7", 17);
    await clock.run(LEARNED_MS);
    assertEquals(called, ["h7.nsm.test 17"]);
  },
);

for (const ms of [COPY_MS - 1, COPY_MS]) {
  const told = ms < COPY_MS ? [] : ["h7.nsm.test 17"];
  for (const between of [13, 19]) {
    Deno.test(
      `a state that comes again ${ms} ms behind ${between}: ${told.length} callbacks`,
      pure,
      async () => {
        const { clock, called, watch, notify } = life({ answersAt: LEARNED_MS });
        watch("10.0.1.7");
        for (const state of [17, between]) notify("stranger", "10.0.1.7", state);
        watch("h7.nsm.test");
        await clock.run(ms);
        notify("stranger", "10.0.1.7", 17);
        await clock.runFar(4 * LEARNED_MS);
        assertEquals(called.filter((one) => one.startsWith("h7")), told);
      },
    );
  }
}

Deno.test("a repeat of a kept notice is decided anew, and does not prolong it", pure, async () => {
  const hosts = { "h7.nsm.test": "10.0.1.8" };
  const { clock, notices, called, watch, notify } = life({ mode: "enforce", hosts, silent: "p" });
  for (const name of ["10.0.1.7", "h7.nsm.test", "p"]) watch(name);
  await clock.run(1_000);
  notify("h7.nsm.test", "10.0.1.7", 17);
  await clock.runFar(KEPT_MS - LEARNED_MS);
  assertEquals([called, notices.kept], [["10.0.1.7 17"], 1]);
  hosts["h7.nsm.test"] = "10.0.1.7";
  notify("h7.nsm.test", "10.0.1.7", 17);
  await clock.run(1_000);
  assertEquals([called, notices.kept], [["10.0.1.7 17", "h7.nsm.test 17"], 1]);
  await clock.runFar(2 * LEARNED_MS);
  assertEquals(notices.kept, 0);
});

Deno.test("a repeat that an earlier life has kept beside its notice", pure, async () => {
  const disk = new FragileDisk(["/nsm/sm"]);
  const file = () => openNoticeFile("/nsm", { log: new RecordingLog(), fileSystem: disk });
  const before = file();
  before.load();
  const notice = { name: "stranger", address: "10.0.1.7", state: 17, at: 0 };
  for (const ordinal of [1, 2]) before.keep({ ...notice, ordinal });
  before.flush();
  const { clock, called, notices, load } = life({ answersAt: 2_000, memory: file() });
  load("h7.nsm.test");
  notices.restore();
  await clock.run(1_000);
  assertEquals(file().load().notices.map(({ ordinal }) => ordinal), [1]);
  await clock.run(LEARNED_MS);
  assertEquals([called, notices.kept], [["h7.nsm.test 17"], 0]);
  assertEquals(disk.textOf("/nsm/sm/.notices"), undefined);
});

Deno.test(
  "a notice under an unknown name causes no loop of look-ups",
  pure,
  async () => {
    const asked: string[] = [];
    const { clock, watch, notify } = life({ asked, silent: "h7.nsm.test" });
    for (const name of ["nowhere", "h7.nsm.test"]) watch(name);
    await clock.run(1_000);
    notify("nowhere", "192.0.2.66", 5);
    await clock.run(60_000);
    assert(asked.length < 100, `${asked.length} look-ups`);
  },
);

/** Callout that records its arguments, and ends at the request of the test. */
function recordingCallout(told: string[]) {
  const ended = Promise.withResolvers<void>();
  const room = { left: Infinity };
  const callout: Callout = {
    isFull: false,
    monitored: () => Promise.resolve(),
    unmonitored: () => Promise.resolve(),
    notified(name, address, state) {
      if (room.left-- <= 0) return undefined;
      told.push(`${name} ${address} ${state}`);
      return ended.promise;
    },
  };
  return { callout, room, end: ended.resolve };
}

Deno.test(
  "a notice found to be news once names are known runs the callout, once and first",
  pure,
  async () => {
    const told: string[] = [];
    const { callout, end } = recordingCallout(told);
    const hosts = { "h7.nsm.test": "10.0.1.7", "h7": "10.0.1.7" };
    const { clock, notices, called, watch, notify } = life({ answersAt: 2_000, hosts, callout });
    watch("h7.nsm.test");
    watch("h7");
    assertEquals(notify("stranger", "10.0.1.7", 5), true);
    await clock.run(LEARNED_MS);
    assertEquals([told, called, notices.kept], [["stranger 10.0.1.7 5"], [], 1]);
    end();
    await clock.run(1_000);
    assertEquals(called.toSorted(), ["h7 5", "h7.nsm.test 5"]);
    assertEquals([told.length, notices.kept], [1, 0]);
  },
);

for (const mode of ["off", "warn", "enforce"] as const) {
  Deno.test(
    `kept notices are judged as they arrived for a peer that the later one's look-up finds, ${mode}`,
    pure,
    async () => {
      const hosts: Record<string, string> = { h7: "10.0.1.7" };
      const official = { h7: "h7.nsm.test" };
      const { clock, called, watch, notify } = life({ mode, hosts, official });
      watch("h7.nsm.test", "before");
      notify("stranger", "10.0.1.7", 17);
      notify("stranger", "10.0.1.8", 19); // of another host
      watch("h7.nsm.test", "behind");
      notify("h7", "10.0.1.7", 17);
      await clock.run(1_000);
      assertEquals(called, mode === "enforce" ? [] : ["h7.nsm.test 17"]);
      hosts["h7.nsm.test"] = "10.0.1.7"; // `enforce` waits for the look-up of the peer itself
      await clock.run(LEARNED_MS);
      assertEquals(called, ["h7.nsm.test 17"]);
    },
  );
}

for (const isStopped of [false, true]) {
  Deno.test(
    `kept notices by two names are judged as they arrived, whichever callout ends first${
      isStopped ? ", and not behind a stop" : ""
    }`,
    pure,
    async () => {
      const told: string[] = [];
      const { callout, end } = recordingCallout(told);
      const isLong = (name: string) => name === "stranger";
      const notified: Callout["notified"] = (name, ...of) => {
        const running = callout.notified(name, ...of);
        return isLong(name) ? running : Promise.resolve();
      };
      const { clock, notices, called, watch, notify } = life({
        answersAt: 2_000,
        callout: { ...callout, notified },
      });
      watch("h7.nsm.test", "before");
      notify("stranger", "10.0.1.7", 17);
      watch("h7.nsm.test", "behind");
      notify("10.0.1.7", "10.0.1.7", 17);
      await clock.run(LEARNED_MS);
      assertEquals([told, called], [["stranger 10.0.1.7 17"], []]);
      if (isStopped) notices.stop();
      end();
      await clock.run(1_000);
      assertEquals([told.length, called], [1, isStopped ? [] : ["h7.nsm.test 17"]]);
    },
  );
}

Deno.test("a notice of strangers runs no callout later either", pure, async () => {
  const told: string[] = [];
  const { callout } = recordingCallout(told);
  const { clock, notices, watch, notify } = life({ answersAt: 2_000, callout });
  watch("h7.nsm.test");
  notify("stranger", "192.0.2.66", 5);
  await clock.run(LEARNED_MS);
  assertEquals([told, notices.kept], [[], 0]);
});

Deno.test("a late notice waits until its callout can run", pure, async () => {
  const told: string[] = [];
  const { callout, room, end } = recordingCallout(told);
  room.left = 0;
  end();
  const { clock, called, watch, notify } = life({ answersAt: 2_000, callout });
  watch("h7.nsm.test");
  notify("stranger", "10.0.1.7", 5);
  await clock.runFar(20_000);
  assertEquals([told, called], [[], []]);
  room.left = 1;
  await clock.run(2_000);
  assertEquals([told.length, called], [1, ["h7.nsm.test 5"]]);
});

Deno.test("a stop leaves kept notices to the next life", pure, async () => {
  const disk = new FragileDisk(["/nsm/sm"]);
  const file = () => openNoticeFile("/nsm", { log: new RecordingLog(), fileSystem: disk });
  const first = life({ answersAt: Infinity, memory: file() });
  first.watch("h7.nsm.test");
  first.notify("stranger", "10.0.1.7", 5);
  await first.clock.run(LEARNED_MS);
  first.notices.stop();

  // During a look-up.
  const second = life({ answersAt: 1_000, memory: file() });
  second.load("h7.nsm.test");
  second.notices.restore();
  second.notices.stop();
  await second.clock.run(LEARNED_MS);
  assertEquals(second.called, []);

  // Before the first notice is judged, when all is known.
  const third = life({ memory: file() });
  third.load("h7.nsm.test");
  await third.clock.run(LEARNED_MS);
  third.notices.restore();
  third.notices.stop();
  await third.clock.run(LEARNED_MS);
  assertEquals(third.called, []);

  const last = life({ memory: file() });
  last.load("h7.nsm.test");
  await last.clock.run(LEARNED_MS);
  last.notices.restore();
  await last.clock.run(LEARNED_MS);
  assertEquals([last.called, last.notices.kept], [["h7.nsm.test 5"], 0]);
  assertEquals(disk.textOf("/nsm/sm/.notices"), undefined, "it is over");
});

Deno.test(
  "a name without an answer is retried on its own schedule, whatever is learned",
  pure,
  async () => {
    const asked: string[] = [];
    const { clock, watch, notify } = life({ asked, silent: "stranger" });
    for (let i = 0; i < 300; i++) watch(`nowhere${i}`);
    notify("stranger", "192.0.2.66", 5);
    await clock.run(60_000);
    const times = asked.filter((name) => name === "stranger").length;
    assert(times >= 2 && times <= 14, `${times} times`);
  },
);

Deno.test("a look-up that ends after the stop causes no callback", pure, async () => {
  const answered = Promise.withResolvers<void>();
  const { clock, notices, directory, called, watch, notify } = life({ gate: answered.promise });
  watch("h7.nsm.test");
  notify("h7.nsm.test.example", "10.0.1.7", 5);
  await clock.run(1_000);
  directory.stop();
  notices.stop();
  answered.resolve();
  await clock.run(LEARNED_MS);
  assertEquals(called, []);
});

Deno.test(
  "a peer with a new address gets a notice that takes long to judge for earlier peers",
  pure,
  async () => {
    const hosts = { "h7.nsm.test": "10.0.1.7", "p": "10.0.1.8" };
    const { clock, directory, called, watch, notify } = life({
      mode: "enforce",
      hosts,
      announcingMs: 3,
    });
    for (let i = 0; i < REGISTRATIONS; i++) watch("h7.nsm.test", `here${i}`);
    directory.add("p", ["h7.nsm.test"]);
    watch("p");
    await clock.run(LEARNED_MS);
    hosts.p = "10.0.1.7";
    watch("p2"); // while a look-up is outstanding, a notice is kept before it is judged
    const answer = notify("h7.nsm.test", "10.0.1.7", 5);
    await clock.run(2 * REGISTRATIONS);
    assertEquals([await answer, called.length, called.at(-1)], [true, REGISTRATIONS + 1, "p 5"]);
  },
);

Deno.test("kept notices of an earlier life are judged as they arrived", pure, async () => {
  const disk = new FragileDisk(["/nsm/sm"]);
  const file = () => openNoticeFile("/nsm", { log: new RecordingLog(), fileSystem: disk });
  const before = file();
  before.load();
  const notice = { address: "10.0.1.7", state: 17, at: 0 };
  before.keep({ ...notice, name: "short", ordinal: 2 }); // its callout took less time
  before.keep({ ...notice, name: "short.site", ordinal: 1 });
  const younger = { monName: "10.0.1.7", myName: "behind", myProg: 100021, myVers: 3 };
  before.overtake(registrationKey({ ...younger, myProc: 16 }), 1);
  before.flush();
  const { clock, notices, called, load } = life({ memory: file() });
  for (const myName of ["before", "behind"]) load("10.0.1.7", myName);
  notices.restore();
  await clock.run(LEARNED_MS);
  assertEquals(called, ["10.0.1.7 17"]);
});

Deno.test("a new notice is newer than one kept by an earlier life", pure, async () => {
  const disk = new FragileDisk(["/nsm/sm"]);
  const file = () => openNoticeFile("/nsm", { log: new RecordingLog(), fileSystem: disk });
  const first = life({ answersAt: Infinity, memory: file() });
  first.watch("h7.nsm.test");
  for (const address of ["192.0.2.1", "192.0.2.2", "10.0.1.7"]) {
    first.notify("stranger", address, 5);
  }
  await first.clock.run(1);
  first.notices.stop();

  const next = life({ answersAt: 1_000, memory: file() });
  next.load("h7.nsm.test");
  next.notices.restore();
  await next.clock.run(1);
  assertEquals(next.notify("h7.nsm.test", "10.0.1.7", 7), true);
  await next.clock.run(LEARNED_MS);
  assertEquals(next.called, ["h7.nsm.test 7"]);
});

Deno.test("names learned after the stop cause no callback", pure, async () => {
  const hosts = { "h7.nsm.test": "10.0.1.7", other: "10.0.1.7" };
  const told = [false, true].map(async (isStopped) => {
    const { clock, notices, called, watch, notify } = life({ hosts });
    watch("h7.nsm.test");
    await clock.run(LEARNED_MS);
    assertEquals(notify("other", "192.0.2.9", 5), true);
    if (isStopped) notices.stop();
    await clock.run(LEARNED_MS);
    return called;
  });
  assertEquals(await Promise.all(told), [["h7.nsm.test 5"], []]);
});
