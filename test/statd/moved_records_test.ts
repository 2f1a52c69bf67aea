import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import { openBackgroundFiles } from "../../lib/platform/background_files.ts";
import { keepRecords, type KeptRecords } from "../../lib/statd/moved_records.ts";
import { eventually } from "../support/patience.ts";
import { MemoryMonitorStore } from "../support/memory_store.ts";
import { privOf } from "../support/priv.ts";
import { RecordingLog } from "../support/recording_log.ts";

// The library stays open for the process, and is none of a test's.
openBackgroundFiles();

const REQUESTER = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };

/** Keeper of a temporary state directory, and what it has written. */
interface World {
  readonly directory: string;
  readonly kept: KeptRecords;
  readonly written: () => string[];
  readonly stop: () => Promise<void>;
}

/** Runs a test with monitored peers whose files are on disk, but for their contents. */
async function withKeeper(
  monNames: readonly string[],
  test: (world: World) => Promise<void>,
  retired: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const stop = new AbortController();
  await Deno.mkdir(`${directory}/sm`);
  await Deno.mkdir(`${directory}/sm.bak`);
  const list = new MonitorList();
  for (const monName of monNames) {
    const monitored = list.add({ monName, ...REQUESTER });
    monitored.stored = monitored.record;
    monitored.since = 1;
    await Deno.writeTextFile(`${directory}/sm/${monName}`, "");
  }
  await Deno.utime(`${directory}/sm.bak`, 1, 1); // any change of it differs from this one
  const store = new MemoryMonitorStore();
  const kept = keepRecords({
    settings: { stateDirectoryPath: directory },
    loaded: Promise.resolve(),
    retired,
    list,
    store,
    log: new RecordingLog(),
    signal: stop.signal,
  });
  await test({
    directory,
    kept,
    written: () => [...store.directory.monitored.values()].map(({ monName }) => monName).sort(),
    stop: () => {
      stop.abort();
      return kept.ended;
    },
  });
  await Deno.remove(directory, { recursive: true });
}

Deno.test("a stop right behind a move writes the records of all moved files", async () => {
  const names = Array.from({ length: 300 }, (_, i) => `host${i}`);
  await withKeeper(names, async ({ directory, kept, written, stop }) => {
    await kept.countMissing(); // the watch has begun
    for (const name of names) {
      Deno.renameSync(`${directory}/sm/${name}`, `${directory}/sm.bak/${name}`);
    }
    Deno.removeSync(`${directory}/sm.bak/host7`); // told already
    await stop();
    assertEquals(written(), names.toSorted());
  });
});

Deno.test("a stop waits for the sm-notify that the daemon has started, and writes what it moves", async () => {
  let move = () => {};
  const retired = () => Promise.resolve(move());
  await withKeeper(["host1"], async ({ directory, kept, written, stop }) => {
    await kept.countMissing(); // the watch has begun
    move = () => Deno.renameSync(`${directory}/sm/host1`, `${directory}/sm.bak/host1`);
    await stop();
    assertEquals(written(), ["host1"]);
  }, retired);
});

Deno.test("a file deleted outright stays deleted at the stop", async () => {
  await withKeeper(["host1", "host2"], async ({ directory, kept, written, stop }) => {
    await kept.countMissing();
    Deno.removeSync(`${directory}/sm/host1`);
    await stop();
    assertEquals(written(), []);
  });
});

Deno.test("the name of a new history is no move that the stop has missed", async () => {
  await withKeeper(["host1", "host2"], async ({ directory, kept, written, stop }) => {
    Deno.renameSync(`${directory}/sm/host2`, `${directory}/sm.bak/host2`); // before the watch
    await kept.countMissing();
    Deno.writeTextFileSync(`${directory}/sm.bak/.events`, "");
    await eventually("it has looked", () => written().includes("host2"));
    Deno.removeSync(`${directory}/sm/host1`);
    await stop();
    assertEquals(written(), ["host2"]);
  });
});

Deno.test("a merged file whose source goes long afterwards is written once its peer is told", async () => {
  await withKeeper(["host1", "host2"], async ({ directory, kept, written, stop }) => {
    await kept.countMissing();
    for (const name of ["host1", "host2"]) {
      Deno.writeTextFileSync(`${directory}/sm.bak/${name}`, "");
    }
    // A record that was moved is written behind the look at those two.
    Deno.removeSync(`${directory}/sm/host2`);
    await eventually("it has looked", () => written().includes("host2"));
    Deno.removeSync(`${directory}/sm/host1`);
    Deno.removeSync(`${directory}/sm.bak/host1`);
    await eventually("it is written", () => written().includes("host1"));
    await stop();
  });
});

Deno.test("countMissing() reads the disk once at a time, and reports failures", async () => {
  const directory = await Deno.makeTempDir();
  const stop = new AbortController();
  await Deno.mkdir(`${directory}/sm`);
  await Deno.mkdir(`${directory}/sm.bak`);
  await Deno.writeTextFile(`${directory}/sm/host1`, "");
  const list = new MonitorList();
  for (const monName of ["host1", "host2", "host3"]) {
    const monitored = list.add({ monName, ...REQUESTER });
    monitored.stored = monitored.record;
    monitored.since = 1;
  }
  const kept = keepRecords({
    settings: { stateDirectoryPath: directory },
    loaded: Promise.resolve(),
    retired: () => Promise.resolve(),
    list,
    store: new MemoryMonitorStore(),
    log: new RecordingLog(),
    signal: stop.signal,
  });
  const [one, other] = [kept.countMissing(), kept.countMissing()];
  assert(one === other, "the second call does not list the directory again");
  assertEquals(await one, 2);

  await Deno.remove(`${directory}/sm`, { recursive: true });
  assertEquals(await kept.countMissing(), 3);
  await Deno.writeTextFile(`${directory}/sm`, "");
  assertEquals(await kept.countMissing(), undefined);

  stop.abort();
  await kept.ended;
  await Deno.remove(directory, { recursive: true });
});
