import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { MonitorRecord, NotifyRecord } from "../../lib/nsm/ports.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { openPeerMemory } from "../../lib/store/peer_memory.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import {
  crashEverywhere,
  diskWith,
  labelOf,
  type Scenario,
  STATE_DIRECTORY,
  type Step,
} from "../support/crash_scenario.ts";
import type { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

function record(monName: string, cookie = 1, myName = "us.example"): MonitorRecord {
  const priv = privOf(cookie);
  return { monName, myName, myProg: 100021, myVers: 3, myProc: 16, priv };
}

function mon(it: MonitorRecord, replaced?: MonitorRecord): Step {
  const line = formatRecord(it);
  return { run: ({ monitor }) => monitor.put(it, replaced), lines: { [labelOf(line)]: line } };
}

function unmon(...records: MonitorRecord[]): Step {
  const lines = Object.fromEntries(records.map((it) => [labelOf(formatRecord(it)), undefined]));
  return { run: ({ monitor }) => monitor.remove(records), lines };
}

function told(it: MonitorRecord, fileName = it.monName): Step {
  const { monName, myName } = it;
  const peer: NotifyRecord = { fileName, monName, myName, modifiedAt: 0 };
  return {
    run: ({ notify }) => notify.remove(peer),
    lines: { [labelOf(formatRecord(it))]: undefined },
  };
}

const a = record("a");
const b = record("b");
const again = record("a", 2);
const second = record("a", 3, "them.example");
const third = record("a", 4, "others.example");
const JUNK = "\x00 not a record\n";

function text(...records: MonitorRecord[]): string {
  return records.map(formatRecord).join("");
}

const retire: Step = {
  run({ notify }) {
    const before = notify.faults;
    notify.retire();
    if (notify.faults > before) throw new Error("not all was retired");
  },
  files: ["sm.bak/a", "sm.bak/b"],
};

/** SM_MON of `A` in place of the record of `a`. */
const upper: Step = {
  run: ({ monitor }) => monitor.put(record("A", 2), a),
  lines: { [labelOf(text(a))]: undefined, [labelOf(text(record("A")))]: text(record("A", 2)) },
};

const SCENARIOS: Record<string, Scenario> = {
  "SM_MON of a new host": { before: {}, groups: [[mon(a)], [mon(b)]] },
  "SM_MON with a new cookie": { before: { "sm/a": text(a) }, groups: [[mon(again, a)]] },
  "SM_MON with a new cookie beside another record": {
    before: { "sm/a": text(a, second) + JUNK },
    groups: [[mon(again, a)]],
  },
  "SM_MON of a second caller": { before: { "sm/a": text(a) }, groups: [[mon(second)]] },
  "SM_MON over a file that nfs-utils left open": {
    before: { "sm/a": text(a) + JUNK.trimEnd() },
    groups: [[mon(second)], [unmon(a)]],
  },
  "SM_MON of a host in a file of another name": {
    before: { "sm/official": text(a) },
    groups: [[mon(again, a)], [mon(second)], [unmon(again)]],
  },
  "SM_MON of a host in two files": {
    before: { "sm/official": text(a), "sm/a": text(second) },
    groups: [[mon(third)], [mon(record("a", 9, "them.example"), second)], [
      unmon(a, second, third),
    ]],
  },
  "SM_MON of a host twice in two files": {
    before: { "sm/official": text(a), "sm/a": text(a, second) },
    groups: [[mon(again, a)], [unmon(again)], [mon(a)], [unmon(a, second)]],
  },
  "SM_MON of a host whose name is spelt otherwise": {
    before: { "sm/a": text(a, second) },
    groups: [[upper], [mon(record("A", 7), record("A", 2))], [unmon(record("A", 7))]],
  },
  "SM_UNMON of one record of several": {
    before: { "sm/a": text(a, second) + JUNK },
    groups: [[unmon(a)]],
  },
  "SM_UNMON of the last record": {
    before: { "sm/a": text(a), "sm/b": text(b) },
    groups: [[unmon(a)]],
  },
  "SM_UNMON_ALL": {
    before: { "sm/a": text(a, second), "sm/b": text(b) },
    groups: [[unmon(a, b)]],
  },
  "SM_UNMON of a host, SM_MON of another, and back": {
    before: { "sm/a": text(a) },
    groups: [[unmon(a)], [mon(b)], [unmon(b), mon(a)], [unmon(a)], [mon(b), mon(second)]],
  },
  "SM_MON after SM_UNMON": { before: { "sm/a": text(a) }, groups: [[unmon(a)], [mon(second)]] },
  "several calls at one time": {
    before: { "sm/a": text(a) },
    groups: [[mon(b), mon(second), unmon(a)], [unmon(b), mon(third)]],
  },
  "two calls for one file at one time": { before: {}, groups: [[mon(a), mon(second)]] },
  "retiring": { before: { "sm/a": text(a, second), "sm/b": text(b) }, groups: [[retire]] },
  "retiring onto files of the same name": {
    before: { "sm/a": text(a, second), "sm/b": text(b), "sm.bak/a": text(third, a) + JUNK },
    groups: [[retire]],
  },
  "removal of a peer that was told": {
    before: { "sm.bak/a": text(a, second), "sm.bak/b": text(b) },
    groups: [[told(a)], [told(second)]],
  },
  "removal of several peers that were told at one time": {
    before: { "sm.bak/a": text(a, second), "sm.bak/b": text(b) },
    groups: [[told(a), told(b)]],
  },
};

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  Deno.test(`a crash at any point of ${name} loses nothing and tears nothing`, pure, async () => {
    assert(await crashEverywhere(scenario) > 0);
  });
  Deno.test(`… of ${name} where a file is synced with its name, removals later`, pure, async () => {
    const how = { namesWithFiles: true, isLater: true };
    assert(await crashEverywhere(scenario, undefined, how) > 0);
  });
  Deno.test(`… of ${name}, removals later`, pure, async () => {
    assert(await crashEverywhere(scenario, undefined, { isLater: true }) > 0);
  });
}

Deno.test("crashEverywhere() finds a file that is not synced", pure, async () => {
  for (const name of ["SM_MON of a new host", "retiring onto files of the same name"]) {
    const error = await assertRejects(() => crashEverywhere(SCENARIOS[name]!, "sync"), Error);
    assertMatch(error.message, /is empty|torn line|expected one of/);
  }
});

Deno.test("crashEverywhere() finds a directory that is not synced", pure, async () => {
  for (const name of ["SM_MON of a new host", "SM_UNMON of the last record"]) {
    await assertRejects(
      () => crashEverywhere(SCENARIOS[name]!, "syncDirectory"),
      Error,
      "expected",
    );
  }
});

Deno.test("a power cut leaves a moved file, although another one got its old name", pure, () => {
  const disk = diskWith({ "sm/a": text(a) });
  const path = `${STATE_DIRECTORY}/sm/a`;
  disk.rename(path, `${STATE_DIRECTORY}/sm.bak/a`);
  disk.create(path, 0o600).write(text(again));
  const found = new Set<string>();
  for (const { files } of disk.remains()) {
    assert(Object.values(files).includes(text(a)), JSON.stringify(files));
    found.add(Object.keys(files).join(" and "));
  }
  assertEquals(found, new Set(["/nsm/sm/a", "/nsm/sm.bak/a", "/nsm/sm.bak/a and /nsm/sm/a"]));
});

Deno.test(
  "a crash at any point of advanceStateNumber() leaves the old or the new number",
  pure,
  () => {
    for (let operations = 0, isWhole = false; !isWhole; operations++) {
      const disk = diskWith({ state: "\x05\0\0\0" });
      const log = new RecordingLog();
      const store = openNotifyStore(STATE_DIRECTORY, { log, fileSystem: disk });
      disk.powerLasts = operations;
      let advanced: number | undefined;
      try {
        advanced = store.advanceStateNumber();
      } catch {
        // The power was cut.
      }
      isWhole = disk.powerLasts >= 0;
      for (const remains of disk.remains()) {
        const later = openNotifyStore(STATE_DIRECTORY, { log, fileSystem: remains });
        const number = later.stateNumber();
        assert(number === 7 || (number === 5 && advanced === undefined), `state ${number}`);
        assertEquals(later.advanceStateNumber(), number + 2);
        assertEquals(Object.keys(remains.files).toSorted(), ["/nsm/.state", "/nsm/state"]);
        assertEquals([...log.of("error"), ...log.of("warning"), ...log.of("notice")], []);
      }
    }
  },
);

Deno.test("a crash at any point of a callback keeps it owed until it is made", pure, () => {
  const before = '{"peer":"a","addresses":["192.0.2.1"]}\n{"peer":"b"';
  for (let operations = 0, isWhole = false; !isWhole; operations++) {
    const disk = diskWith({ "sm/.peers": before });
    const open = (fileSystem: FragileDisk) =>
      openPeerMemory(STATE_DIRECTORY, { log: new RecordingLog(), mayCompact: true, fileSystem });
    const memory = open(disk);
    memory.load();
    disk.powerLasts = operations;
    memory.note("a", { lastState: 7 });
    memory.flush();
    const isAcknowledged = disk.powerLasts >= 0;
    memory.note("a", { passedOn: 7 });
    memory.flush();
    isWhole = disk.powerLasts >= 0;
    // After a kill the disk is unchanged. SM_NOTIFY was answered after the first of the two.
    disk.powerLasts = Infinity;
    const facts = open(disk).load().get("a");
    assertEquals(facts?.addresses, ["192.0.2.1"]);
    if (isAcknowledged) assertEquals(facts?.lastState, 7);
    if (isWhole) assertEquals(facts?.passedOn, 7);
    // After a power cut the latest facts may be lost; none is invented, and no start fails.
    for (const remains of disk.remains()) {
      const { addresses, lastState, passedOn } = open(remains).load().get("a")!;
      assertEquals(addresses, ["192.0.2.1"]);
      assert(lastState === undefined || lastState === 7, `state ${lastState}`);
      assert(passedOn === undefined || passedOn === lastState, `passed on ${passedOn}`);
    }
  }
});

/** Crashes at every point of a callback after which the peer memory is rewritten. */
function crashWhereShortened(ignored?: FragileDisk["ignored"]): void {
  const kept = '{"peer":"b","addresses":["192.0.2.2"],"lastState":3}\n';
  // Maximum number of superseded lines for two peers; one more triggers a rewrite.
  const borne = '{"peer":"a","addresses":["192.0.2.1"]}\n'.repeat(1003);
  for (let operations = 0, isWhole = false; !isWhole; operations++) {
    const disk = diskWith({ "sm/.peers": kept + borne });
    const open = (fileSystem: FragileDisk) =>
      openPeerMemory(STATE_DIRECTORY, { log: new RecordingLog(), mayCompact: true, fileSystem });
    const memory = open(disk);
    memory.load();
    disk.ignored = ignored;
    disk.powerLasts = operations;
    for (const lastState of [7, 9]) {
      memory.note("a", { lastState });
      memory.flush();
    }
    isWhole = disk.powerLasts >= 0;
    const steps = disk.journal.join(", ");
    assertEquals(steps.includes("rename"), operations > 4, steps);
    // After a power cut the earlier facts are there.
    for (const remains of disk.remains()) {
      const known = open(remains).load();
      assertEquals(known.get("a")?.addresses, ["192.0.2.1"], steps);
      assertEquals(known.get("b")?.lastState, 3, steps);
    }
    // After a kill the appended facts are there, too.
    disk.powerLasts = Infinity;
    const appended = disk.journal.filter((step) => step.startsWith("append")).length;
    assertEquals(open(disk).load().get("a")?.lastState, [undefined, 7, 9][appended], steps);
  }
}

Deno.test("a crash at any point of shortening the peer memory loses nothing", pure, () => {
  crashWhereShortened();
});

Deno.test("crashWhereShortened() finds a file that is not synced", pure, () => {
  assertThrows(() => crashWhereShortened("sync"), Error, "rename");
});
