import { assertEquals, assertRejects } from "@std/assert";
import { type MonitorRecord, type MonitorStore, StoreError } from "../../lib/nsm/ports.ts";
import { WatchedStore } from "../../lib/nsm/watched_store.ts";
import { reasonOf } from "../../lib/reason.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

const FULL = new Error("No space left on device (os error 28)");
const MINUTE_MS = 60_000;
const OVER = "notice: Changes of the monitor list are stored again";

function record(monName: string): MonitorRecord {
  const priv = privOf(1);
  return { monName, myName: "us", myProg: 100021, myVers: 3, myProc: 16, priv };
}

/** Watched store on a disk, and a caller that reports each refused call. */
function setUp() {
  const disk = diskWith({ "sm/known": "" });
  const clock = new SimulatedClock();
  const log = new RecordingLog();
  const monitored = new Set<string>();
  const store = new WatchedStore(openMonitorStore(STATE_DIRECTORY, { log, fileSystem: disk }), {
    clock,
    log,
    tell: (level, _key, message) => log[level](message()),
    isUnused: () => monitored.size === 0,
  });
  const mon = async (monName: string) => {
    try {
      await store.put(record(monName));
    } catch (error) {
      store.refused(`refused ${monName}`, error);
    }
  };
  const fill = () => disk.fault = (operation) => operation === "write" ? FULL : undefined;
  const free = () => disk.fault = () => undefined;
  return { disk, clock, log, store, monitored, mon, fill, free };
}

Deno.test(
  "one line at the first refused call, a sum each minute, one line at the end",
  pure,
  async () => {
    const { clock, log, store, mon, fill, free } = setUp();
    await mon("a");
    assertEquals([store.fault, log.lines], [undefined, []]);
    fill();
    for (let i = 1; i <= 300; i++) {
      await mon(`host${i}`);
      await clock.pass(1_000);
    }
    const sums = [60, 120, 180, 240].map((last) =>
      `warning: ${
        last === 60 ? 59 : 60
      } more calls were refused in 60 s, the last one: refused host${last}`
    );
    assertEquals(log.lines.slice(0, 5), ["warning: refused host1", ...sums]);
    assertEquals(
      store.fault,
      'Cannot write "/nsm/sm": No space left on device (os error 28)',
    );
    free();
    await mon("b");
    assertEquals(log.lines.length, 7);
    assertEquals(log.lines.at(-1), OVER);
    assertEquals(store.fault, undefined);
    store.stop();
  },
);

Deno.test("the end of a fault is detected without a call", pure, async () => {
  const { clock, log, store, mon, fill, free } = setUp();
  fill();
  await mon("a");
  await clock.pass(10 * MINUTE_MS);
  assertEquals(log.lines, ["warning: refused a"]);
  free();
  await clock.pass(MINUTE_MS);
  assertEquals(log.lines, ["warning: refused a", OVER]);
  assertEquals(store.fault, undefined);
  store.stop();
});

Deno.test("calls that need no disk space do not end a fault", pure, async () => {
  const { log, store, mon, fill } = setUp();
  await mon("a");
  fill();
  await mon("b");
  // Existing and removed records need no write.
  await mon("a");
  await store.remove([record("a")]);
  await store.remove([]);
  assertEquals(log.lines, ["warning: refused b"]);
  assertEquals(store.fault, 'Cannot write "/nsm/sm": No space left on device (os error 28)');
  store.stop();
});

Deno.test("an intermittent fault does not fill the log", pure, async () => {
  const { clock, log, store, mon, fill, free } = setUp();
  for (let i = 0; i < 600; i++) {
    fill();
    await mon("a");
    free();
    await mon("b");
    await clock.pass(1_000);
  }
  assertEquals(log.lines.slice(0, 3), [
    "warning: refused a",
    OVER,
    "warning: 59 more calls were refused in 60 s, the last one: refused a",
  ]);
  assertEquals(log.lines.length, 2 + 10);
  // After a quiet minute, and another one to notice it, a fault is news again.
  await clock.pass(3 * MINUTE_MS);
  fill();
  await mon("c");
  assertEquals(log.lines.at(-1), "warning: refused c");
  store.stop();
});

Deno.test("an invalid record is no fault of the disk", pure, async () => {
  const { clock, log, store } = setUp();
  const error = await assertRejects(() => store.put(record("../a")), StoreError);
  for (let i = 0; i < 2; i++) store.refused(reasonOf(error), error);
  assertEquals(store.fault, undefined);
  assertEquals(log.lines.length, 2);
  await clock.pass(MINUTE_MS);
  assertEquals(log.lines.length, 2);
});

Deno.test("check() detects an unwritable disk, and leaves no file behind", pure, () => {
  const { disk, store, fill, free } = setUp();
  const before = disk.files;
  store.check();
  fill();
  let failure: unknown;
  try {
    store.check();
  } catch (error) {
    failure = error;
  }
  assertEquals(reasonOf(failure), 'Cannot write "/nsm/sm": No space left on device (os error 28)');
  assertEquals(store.fault, reasonOf(failure));
  free();
  store.check();
  assertEquals(store.fault, undefined);
  assertEquals(disk.files, before);
  store.stop();
});

Deno.test("spare files are removed a moment after the last host left", pure, async () => {
  const { disk, clock, store, monitored } = setUp();
  const spares = () => Object.keys(disk.files).filter((path) => path.endsWith(".old")).length;
  const add = async (monName: string) => {
    monitored.add(monName);
    await store.put(record(monName));
  };
  const removeLast = async (monName: string) => {
    monitored.delete(monName);
    await store.remove([record(monName)]);
    store.tidy();
  };
  await add("a");
  await removeLast("a");
  await clock.pass(19);
  assertEquals(spares(), 1);
  await clock.pass(1);
  assertEquals(spares(), 0);
  await add("a");
  await removeLast("a");
  await clock.pass(20);
  assertEquals(spares(), 0, "each time");
  await add("a");
  await removeLast("a");
  await clock.pass(19);
  await add("b");
  await removeLast("b");
  await clock.pass(20);
  assertEquals(spares(), 1, "hosts come and go");
  await clock.pass(1);
  assertEquals(spares(), 0);
  await add("a");
  await removeLast("a");
  assertEquals(spares(), 1);
  store.tidy(true);
  assertEquals(spares(), 0, "at once");
  await add("a");
  await removeLast("a");
  await add("b");
  await add("c");
  await store.remove([record("b")]);
  await clock.pass(MINUTE_MS);
  assertEquals(spares(), 1); // c is monitored
  await removeLast("c");
  store.stop();
  assertEquals(spares(), 0);
});

Deno.test("operator B: an unwritable disk is a fault within seconds", pure, async () => {
  const clock = new SimulatedClock();
  const flushed = Promise.withResolvers<void>();
  const log = new RecordingLog();
  const stalled = { put: () => flushed.promise } as unknown as MonitorStore;
  const store = new WatchedStore(stalled, { clock, log, tell() {}, isUnused: () => false });
  const put = store.put(record("a"));
  await clock.pass(2_000);
  assertEquals(store.fault, undefined);
  await clock.pass(2_000);
  assertEquals(store.fault, "The disk has not taken a change of the monitor list for 4 s");
  flushed.resolve();
  await put;
  assertEquals(store.fault, undefined);
});
