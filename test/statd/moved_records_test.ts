import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import { openBackgroundFiles } from "../../lib/platform/background_files.ts";
import { keepRecords } from "../../lib/statd/moved_records.ts";
import { MemoryMonitorStore } from "../support/memory_store.ts";
import { privOf } from "../support/priv.ts";
import { RecordingLog } from "../support/recording_log.ts";

// The library stays open for the process, and is none of a test's.
openBackgroundFiles();

const REQUESTER = { myName: "here", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };

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
