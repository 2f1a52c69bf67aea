/**
 * trust 6 and 7: a notice for very many registrations is judged in slices, with other work in
 * between.
 */

import { assert, assertEquals } from "@std/assert";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { SourceCheck } from "../../lib/nsm/notice_gate.ts";
import { Notices } from "../../lib/nsm/notices.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import type { KeptNotice } from "../../lib/nsm/ports.ts";
import { NoPeerMemory } from "../../lib/store/volatile_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { privOf } from "../support/priv.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;
/** Time to tell of one registration, in ms. */
const STEP_MS = 0.1;
/** Maximum length of a slice, in ms: half of the permitted time of the event loop. */
const SLICE_MAX_MS = 5;

function setUp(sourceCheck: SourceCheck = "warn") {
  const clock = new FakeClock();
  let worked = 0;
  const busyClock = {
    now: () => clock.now() + worked,
    wallClock: () => clock.wallClock(),
    startTimer: clock.startTimer,
    afterTurn: clock.afterTurn,
  };
  const log = new RecordingLog();
  const list = new MonitorList();
  const resolver = new FakeResolver();
  const memory = new NoPeerMemory();
  const tell = () => void (worked += STEP_MS);
  const counters = makeCounters();
  const directory = new PeerDirectory({ resolver, memory, clock, log, tell });
  const told: string[] = [];
  const onDisk = new Set<KeptNotice>();
  let flushed = 0;
  const notices = new Notices({
    list,
    directory,
    sourceCheck: () => sourceCheck,
    stateCheck: () => "warn",
    clock: busyClock,
    counters,
    tell,
    memory: {
      load: () => ({ isWhole: true, notices: [], overtaken: new Map() }),
      overtake() {},
      keep: (notice) => void onDisk.add(notice),
      flush: () => true,
      tidy: () => {},
      doubt: () => {},
      forget: (notice) => void onDisk.delete(notice),
    },
    announce(monitored, state) {
      monitored.lastState = state;
      told.push(`${monitored.record.monName} ${monitored.record.myName} ${state}`);
      worked += STEP_MS;
    },
    catchUp() {},
    flush: () => void (flushed = told.length),
  });
  const add = (monName: string, myName = "here") => {
    const requester = { myName, myProg: 100021, myVers: 3, myProc: 16 };
    const monitored = list.add({ monName, ...requester, priv: privOf(0) });
    notices.overtaken(monitored, notices.taken);
    return monitored;
  };
  const notify = (mon_name: string, state: number, address = "10.0.0.2") => {
    const caller = { address, port: 700, netid: "udp", isLocal: false } as const;
    return notices.take({ mon_name, state }, caller);
  };
  /** Lets time pass turn by turn; returns the longest turn of the loop, in ms. */
  const run = async (turns: number) => {
    let longest = 0;
    for (let turn = 0; turn < turns; turn++) {
      const before = worked;
      await clock.run(1);
      longest = Math.max(longest, worked - before);
    }
    return longest;
  };
  const worth = () => worked;
  return {
    clock,
    list,
    directory,
    notices,
    counters,
    told,
    onDisk,
    flushed: () => flushed,
    add,
    notify,
    run,
    worth,
  };
}

Deno.test(
  "trust 7: a notice for 10,000 names at one address is judged in slices, and then answered",
  pure,
  async () => {
    const { directory, told, flushed, add, notify, run, worth } = setUp();
    for (let i = 0; i < 10_000; i++) {
      add(`n${i}`);
      directory.add(`n${i}`, ["10.0.0.2"]);
    }
    let answer: boolean | undefined;
    void Promise.resolve(notify("somebody", 5)).then((it) => answer = it);
    assert(worth() <= SLICE_MAX_MS, String(worth()));
    assertEquals(answer, undefined);
    const longest = await run(2_000);
    assert(longest <= SLICE_MAX_MS, String(longest));
    assertEquals([told.length, flushed(), answer], [10_000, 10_000, true]);
  },
);

Deno.test(
  "trust 7: of 1,000 registrations, callbacks go to those that exist and are older than the notice",
  pure,
  async () => {
    const { list, told, add, notify, run } = setUp();
    const all = Array.from({ length: 1_000 }, (_, i) => add("10.0.0.2", `m${i}`));
    void notify("10.0.0.2", 5);
    list.remove(all[900]!);
    list.remove(all[901]!);
    add("10.0.0.2", "m901");
    add("10.0.0.2", "young");
    await run(500);
    assertEquals(told.length, 998);
    assert(!told.some((line) => / (m900|m901|young) /.test(line)));
  },
);

Deno.test("trust 7: SM_SIMU_CRASH ends the judging of forgotten registrations", pure, async () => {
  const { list, told, add, notify, run } = setUp();
  for (let i = 0; i < 1_000; i++) add("10.0.0.2", `m${i}`);
  void notify("10.0.0.2", 5);
  const before = told.length;
  list.clear();
  add("10.0.0.2", "young");
  await run(500);
  assertEquals(told.length, before);
});

Deno.test(
  "trust 7: of two notices for one peer the newer one counts, registration by registration",
  pure,
  async () => {
    const { told, list, add, notify, run } = setUp();
    for (let i = 0; i < 1_000; i++) add("10.0.0.2", `m${i}`);
    void notify("10.0.0.2", 5);
    void notify("10.0.0.2", 7);
    await run(500);
    assert([...list.all()].every(({ lastState }) => lastState === 7));
    const last = new Map(told.map((line) => line.split(" ").slice(1) as [string, string]));
    assert(last.size === 1_000 && [...last.values()].every((state) => state === "7"));
  },
);

Deno.test("trust 7: a notice that a stop cuts short stays unanswered", pure, async () => {
  const { notices, told, add, notify, run } = setUp();
  for (let i = 0; i < 1_000; i++) add("10.0.0.2", `m${i}`);
  const answer = notify("10.0.0.2", 5);
  notices.stop();
  await run(100);
  assertEquals(await answer, false);
  assert(told.length < 100);
});

Deno.test(
  "trust 7: a notice not judged to its end is kept, also while a peer is learned",
  pure,
  async () => {
    const { clock, directory, told, onDisk, add, notify, run } = setUp();
    for (let i = 0; i < 1_000; i++) add("10.0.0.2", `m${i}`);
    add("unknown.example");
    directory.add("unknown.example");
    const answer = notify("10.0.0.2", 5);
    assert(answer instanceof Promise);
    assertEquals(onDisk.size, 1);
    await run(500);
    assertEquals([await answer, told.length], [true, 1_000]);
    await clock.run(100);
  },
);

Deno.test(
  "trust 7: long notices beyond a limit are left unanswered",
  pure,
  async () => {
    const { notices, add, notify, run } = setUp();
    for (let i = 0; i < 2_000; i++) add("10.0.0.2", `m${i}`);
    add("10.0.0.3");
    const answers = Array.from({ length: 100 }, (_, i) => notify("10.0.0.2", 5 + 2 * i));
    const unanswered = answers.filter((answer) => answer === false).length;
    assertEquals(unanswered, 36);
    // A short notice overtakes them.
    assertEquals(notify("10.0.0.3", 9, "10.0.0.3"), true);
    await run(20_000);
    assertEquals(notices.kept, 0);
  },
);

Deno.test("trust 7: each of very many kept notices is judged once", pure, async () => {
  const { directory, counters, notices, add, notify, run } = setUp("enforce");
  add("10.0.0.2");
  directory.add("10.0.0.2");
  await run(300);
  for (let i = 0; i < 200; i++) assertEquals(notify("10.0.0.2", 5 + 2 * i, "192.0.2.1"), true);
  await run(2_000);
  assertEquals([notices.kept, counters.notices_refused], [0, 200]);
});
