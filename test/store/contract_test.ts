/** Contract of both stores, for every implementation. */

import "../support/open_libc.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type MonitorRecord,
  type MonitorStore,
  type NotifyStore,
  StoreError,
} from "../../lib/nsm/ports.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { VolatileStore } from "../../lib/store/volatile_store.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import {
  MemoryMonitorStore,
  MemoryNotifyStore,
  MemoryStateDirectory,
} from "../support/memory_store.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

/** State directory of one kind, which can be opened repeatedly. */
interface Subject {
  readonly monitor: () => MonitorStore;
  readonly notify: () => NotifyStore;
  readonly [Symbol.dispose]: () => void;
}

function memorySubject(): Subject {
  const directory = new MemoryStateDirectory();
  return {
    monitor: () => new MemoryMonitorStore(directory),
    notify: () => new MemoryNotifyStore(directory),
    [Symbol.dispose]: () => {},
  };
}

function fragileSubject(): Subject {
  const parts = { log: new RecordingLog(), fileSystem: diskWith({}) };
  return {
    monitor: () => openMonitorStore(STATE_DIRECTORY, parts),
    notify: () => openNotifyStore(STATE_DIRECTORY, parts),
    [Symbol.dispose]: () => {},
  };
}

function realSubject(): Subject {
  const directory = Deno.makeTempDirSync();
  Deno.mkdirSync(`${directory}/sm`);
  Deno.mkdirSync(`${directory}/sm.bak`);
  const parts = { log: new RecordingLog() };
  return {
    monitor: () => openMonitorStore(directory, parts),
    notify: () => openNotifyStore(directory, parts),
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

const SUBJECTS = {
  "in memory": { open: memorySubject, options: { permissions: "none" } },
  "in files that could be lost": { open: fragileSubject, options: { permissions: "none" } },
  "in files": { open: realSubject, options: {} },
} as const;

function record(monName: string, more: Partial<MonitorRecord> = {}): MonitorRecord {
  const priv = privOf(1);
  return { monName, myName: "us", myProg: 100021, myVers: 3, myProc: 16, priv, ...more };
}

/** Records in an order that does not depend on that of a directory. */
function sorted(records: readonly MonitorRecord[]): string[] {
  return records.map((it) => JSON.stringify({ ...it, priv: it.priv })).toSorted();
}

/** Contract of a monitor list, for statd. */
const MONITOR_CASES: Record<string, (subject: Pick<Subject, "monitor">) => Promise<void>> = {
  "put() keeps a record for each different registration": async ({ monitor }) => {
    const records = [
      record("a"),
      record("b"),
      record("a", { myName: "them" }),
      record("a", { myName: "" }),
      record("a", { myName: "\xff\x80\t" }),
      record("a", { myProg: -1 }),
      record("a", { myVers: 4 }),
      record("a", { myProc: 24 }),
      record("fe80::1%eth0"),
      record("x".repeat(255)),
      record("y", { myName: "m".repeat(1023) }),
    ];
    const store = monitor();
    for (const it of records) await store.put(it);
    assertEquals(sorted([...store.load()]), sorted(records));
    assertEquals(sorted([...monitor().load()]), sorted(records));
  },

  "put() replaces a record of the same registration": async ({ monitor }) => {
    const again = record("a", { priv: privOf(2) });
    await monitor().put(record("a"));
    await monitor().put(again, record("a"));
    await monitor().put(again, again);
    assertEquals(sorted([...monitor().load()]), sorted([again]));
  },

  "put() replaces a record whose names were spelt otherwise": async ({ monitor }) => {
    const store = monitor();
    await store.put(record("a"));
    await store.put(record("A", { myName: "US" }), record("a"));
    assertEquals(sorted([...monitor().load()]), sorted([record("A", { myName: "US" })]));
    await store.remove([record("A", { myName: "US" })]);
    assertEquals([...monitor().load()], []);
  },

  "put() replaces a record that the list has dropped and that was spelt otherwise": async (
    { monitor },
  ) => {
    const store = monitor();
    const kept = record("A", { myVers: 4 });
    await store.put(record("A"));
    await store.put(kept);
    store.dropped(["A", "A"]);
    await store.put(record("a", { priv: privOf(2) }));
    const expected = sorted([kept, record("a", { priv: privOf(2) })]);
    assertEquals(sorted([...monitor().load()]), expected);
    assertEquals(sorted([...store.load()]), expected);
  },

  "remove() removes a record in any letter case": async ({ monitor }) => {
    const spelt = [record("a"), record("A", { myName: "US" })];
    for (const [at, other] of [[0, 1], [1, 0]] as const) {
      const store = monitor();
      await store.put(spelt[at]!);
      await store.put(spelt[other]!, spelt[at]!);
      await store.remove([spelt[at]!]);
      assertEquals([...monitor().load()], []);
    }
  },

  "remove() leaves the records that are to be kept": async ({ monitor }) => {
    const store = monitor();
    const kept = record("a", { priv: privOf(2) });
    await store.put(kept);
    await store.put(record("b"));
    await store.remove([record("a"), record("b")], ({ priv }) => priv === kept.priv);
    assertEquals([...monitor().load()], [kept]);
  },

  "put() refuses what cannot be a file name or a line": async ({ monitor }) => {
    const refused = [
      ...["", ".", "..", ".a", "a/b", "/a", "a b", "a\n", "a\0", "\xe9", "x".repeat(256)]
        .map((monName) => record(monName)),
      ...["a\nb", "a\0b", " a", "\u0100", "x".repeat(1024)].map((myName) =>
        record("a", { myName })
      ),
      record("a", { priv: "00".repeat(15) }),
    ];
    const store = monitor();
    for (const it of refused) await assertRejects(() => store.put(it), StoreError);
    assertEquals([...monitor().load()], []);
  },

  "remove() removes these records and no others": async ({ monitor }) => {
    const store = monitor();
    const records = [record("a"), record("a", { myName: "them" }), record("b"), record("c")];
    await Promise.all(records.map((it) => store.put(it)));
    await store.remove([records[0]!, records[2]!, record("missing"), record("c", { myProc: 24 })]);
    assertEquals(sorted([...monitor().load()]), sorted([records[1]!, records[3]!]));
    await store.remove(records);
    assertEquals([...monitor().load()], []);
  },

  "remove() knows a record by its registration, whatever its cookie": async ({ monitor }) => {
    const store = monitor();
    await store.put(record("a", { priv: privOf(1) }));
    await store.remove([record("a", { priv: privOf(2) })]);
    assertEquals([...monitor().load()], []);
  },

  "put() and remove() at one time take effect in their order": async ({ monitor }) => {
    const store = monitor();
    const calls: Promise<void>[] = [];
    for (let i = 0; i < 300; i++) {
      const it = record(`host${i % 50}`, { priv: privOf(i) });
      calls.push(store.put(it));
      if (i % 3 === 0) calls.push(store.remove([it]));
    }
    await Promise.all(calls);
    const expected: MonitorRecord[] = [];
    for (let i = 250; i < 300; i++) {
      const priv = privOf(i);
      if (i % 3 !== 0) expected.push(record(`host${i % 50}`, { priv }));
    }
    assertEquals(sorted([...monitor().load()]), sorted(expected));
  },

  "check() leaves nothing behind": async ({ monitor }) => {
    const store = monitor();
    await store.put(record("a"));
    store.check();
    assertEquals(sorted([...monitor().load()]), sorted([record("a")]));
  },

  "a refused record does not keep others from being put": async ({ monitor }) => {
    const store = monitor();
    const results = await Promise.allSettled(
      ["a", "../b", "c"].map((monName) => store.put(record(monName))),
    );
    assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assertEquals(sorted([...monitor().load()]), sorted([record("a"), record("c")]));
  },
};

/** Contract of a monitor list and a notify list together. */
const CASES: Record<string, (subject: Subject) => Promise<void>> = {
  ...MONITOR_CASES,

  "load() finds nothing in an empty directory": async ({ monitor, notify }) => {
    assertEquals([...monitor().load()], []);
    assertEquals(notify().load(), []);
    await notify().remove({ fileName: "a", monName: "a", myName: "us", modifiedAt: 0 });
    await monitor().remove([record("a")]);
  },

  "stateNumber() begins with 3 and advanceStateNumber() goes on to the next odd one": ({
    monitor,
    notify,
  }) => {
    const store = monitor();
    assertEquals(store.stateNumber(), 3);
    assertEquals(notify().stateNumber(), 3);
    assertEquals(notify().advanceStateNumber(), 5);
    assertEquals(store.stateNumber(), 5);
    return Promise.resolve();
  },

  "advanceStateNumber() begins with 3, too": ({ notify }) => {
    assertEquals(notify().advanceStateNumber(), 3);
    return Promise.resolve();
  },

  "retire() moves every record": async ({ monitor, notify }) => {
    const records = [record("a"), record("a", { myName: "them" }), record("b")];
    for (const it of records) await monitor().put(it);
    const store = notify();
    store.retire();
    assertEquals([...monitor().load()], []);
    const names = store.load().map(({ fileName, monName, myName }) => [fileName, monName, myName]);
    assertEquals(names.toSorted(), [["a", "a", "them"], ["a", "a", "us"], ["b", "b", "us"]]);
  },

  "retire() keeps the records of peers that were not told": async ({ monitor, notify }) => {
    const store = notify();
    await monitor().put(record("a"));
    store.retire();
    await monitor().put(record("a", { myName: "them" }));
    await monitor().put(record("b"));
    store.retire();
    store.retire();
    const names = store.load().map(({ monName, myName }) => [monName, myName]);
    assertEquals(names.toSorted(), [["a", "them"], ["a", "us"], ["b", "us"]]);
  },

  "load() lists a peer once for each of our names": async ({ monitor, notify }) => {
    await monitor().put(record("a"));
    await monitor().put(record("a", { myVers: 4 }));
    notify().retire();
    assertEquals(notify().load().length, 1);
    await notify().remove(notify().load()[0]!);
    assertEquals(notify().load(), []);
  },

  "remove() removes a peer that was told, and has() tells": async ({ monitor, notify }) => {
    for (const myName of ["us", "them"]) await monitor().put(record("a", { myName }));
    await monitor().put(record("b"));
    const store = notify();
    store.retire();
    for (const peer of [...store.load()]) {
      assert(store.has(peer));
      if (peer.myName === "us") await store.remove(peer);
      assertEquals(store.has(peer), peer.monName === "a");
    }
    assertEquals(notify().load().map(({ monName, myName }) => [monName, myName]), [["a", "them"]]);
  },
};

for (const [where, { open, options }] of Object.entries(SUBJECTS)) {
  for (const [name, run] of Object.entries(CASES)) {
    Deno.test(`${name}, ${where}`, options, async () => {
      using subject = open();
      await run(subject);
    });
  }
}

for (const [name, run] of Object.entries(MONITOR_CASES)) {
  Deno.test(`${name}, in memory that is lost`, { permissions: "none" }, async () => {
    const store = new VolatileStore(5);
    await run({ monitor: () => store });
  });
}
