import { assert, assertEquals, assertRejects } from "@std/assert";
import "../support/open_libc.ts";
import { type MonitorRecord, type NotifyStore, StoreError } from "../../lib/nsm/ports.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

function line(monName: string, myName = "us"): string {
  const priv = privOf(0);
  const record: MonitorRecord = { monName, myName, myProg: 100021, myVers: 3, myProc: 16, priv };
  return formatRecord(record);
}

function open(disk: FragileDisk): { store: NotifyStore; log: RecordingLog } {
  const log = new RecordingLog();
  return { store: openNotifyStore(STATE_DIRECTORY, { log, fileSystem: disk }), log };
}

Deno.test("retire() moves files unchanged, whatever their contents", pure, () => {
  const disk = diskWith({ "sm/a": line("a"), "sm/b": "junk", "sm/empty": "", "sm/.peers": "{}\n" });
  disk.addOther("/nsm/sm", "link", "isSymlink");
  const { store, log } = open(disk);
  store.retire();
  assertEquals(disk.files, {
    "/nsm/sm/.peers": "{}\n",
    "/nsm/sm.bak/a": line("a"),
    "/nsm/sm.bak/b": "junk",
    "/nsm/sm.bak/empty": "",
  });
  assertEquals(log.lines, ['warning: Skipping "/nsm/sm/link": it is a symbolic link']);
  assertEquals(disk.journal.filter((it) => it.startsWith("sync")), [
    "syncDirectory /nsm/sm.bak",
    "syncDirectory /nsm/sm",
  ]);
});

Deno.test(
  "retire() leaves a record that the monitor writes while the merged file is synced",
  pure,
  () => {
    const disk = diskWith({ "sm/a": line("a"), "sm.bak/a": line("a", "old") });
    const { store } = open(disk);
    disk.fault = (operation, path) => {
      if (operation !== "syncDirectory" || path !== "/nsm/sm.bak") return undefined;
      disk.fault = () => undefined;
      const file = disk.create("/nsm/sm/.new", 0o600);
      file.write(line("a", "new"));
      file.close();
      disk.rename("/nsm/sm/.new", "/nsm/sm/a");
      return undefined;
    };
    store.retire();
    assertEquals(disk.files, {
      "/nsm/sm/a": line("a", "new"),
      "/nsm/sm.bak/a": line("a", "old") + line("a"),
    });
  },
);

Deno.test("retire() merges a file into one of the same name", pure, () => {
  const disk = diskWith({
    "sm/a": line("a") + line("a", "new"),
    "sm.bak/a": `${line("a", "old")}${line("a")}junk`,
    "sm/b": line("b"),
    "sm.bak/b": line("b"),
    "sm/empty": "",
    "sm.bak/empty": line("empty"),
  });
  open(disk).store.retire();
  assertEquals(disk.files, {
    "/nsm/sm.bak/a": `${line("a", "old")}${line("a")}junk\n${line("a", "new")}`,
    "/nsm/sm.bak/b": line("b"),
    "/nsm/sm.bak/empty": line("empty"),
  });
  assertEquals(disk.modeOf("/nsm/sm.bak/a"), 0o640);
});

Deno.test(
  "retire() keeps a record over a power cut that an earlier run moved unsynced",
  pure,
  () => {
    const disk = new FragileDisk(["/nsm", "/nsm/sm", "/nsm/sm.bak"]);
    disk.namesWithFiles = true;
    for (const name of ["sm/a", "sm.bak/a"]) {
      const file = disk.create(`/nsm/${name}`, 0o600);
      file.write(line("a"));
      if (name === "sm/a") file.syncWithName();
    }
    open(disk).store.retire();
    for (const left of disk.remains()) assertEquals(left.files["/nsm/sm.bak/a"], line("a"));
  },
);

Deno.test("retire() leaves what cannot be moved and moves the rest", pure, () => {
  const disk = diskWith({
    "sm/a": line("a"),
    "sm/b": line("b"),
    "sm/c": line("c"),
    "sm/d": line("d"),
    "sm.bak/c": line("c", "old"),
  });
  disk.addOther("/nsm/sm.bak", "d", "isDirectory");
  disk.fault = (operation, path) =>
    (operation === "rename" && path.startsWith("/nsm/sm/a")) || operation === "write"
      ? new Error("No space left on device (os error 28)")
      : undefined;
  const { store, log } = open(disk);
  store.retire();
  assertEquals(Object.keys(disk.files).toSorted(), [
    "/nsm/sm.bak/b",
    "/nsm/sm.bak/c",
    "/nsm/sm/a",
    "/nsm/sm/c",
    "/nsm/sm/d",
  ]);
  const end = "to the notify list:";
  assertEquals(log.of("error"), [
    `error: Cannot move "/nsm/sm/a" ${end} No space left on device (os error 28)`,
    `error: Cannot move "/nsm/sm/c" ${end} No space left on device (os error 28)`,
    `error: Cannot move "/nsm/sm/d" ${end} it is not a regular file`,
  ]);
});

const refused = new Error("Operation not permitted (os error 1)");

/**
 * All records in `sm` and `sm.bak` that a run would announce, and the number of unreadable ones.
 */
function retired(disk: FragileDisk) {
  const { store, log } = open(disk);
  store.retire();
  const names = store.load().map(({ fileName }) => fileName).sort();
  return { names, faults: store.faults, log, store };
}

Deno.test("field 10: a missing directory is not an empty one", pure, () => {
  for (const missing of ["sm", "sm.bak"]) {
    const there = ["/nsm/sm", "/nsm/sm.bak"].filter((it) => it !== `/nsm/${missing}`);
    const { names, faults, log } = retired(new FragileDisk(["/nsm", ...there]));
    assertEquals(names, []);
    assert(faults > 0);
    assert(log.of("error").some((line) => line.includes(`Cannot read "/nsm/${missing}"`)));
  }
});

Deno.test("field 10: with one unreadable list, peers of the other one are notified", pure, () => {
  for (const unreadable of ["sm", "sm.bak"]) {
    const disk = diskWith({ "sm/new": line("new"), "sm.bak/old": line("old") });
    disk.fault = (operation, path) =>
      operation === "list" && path === `/nsm/${unreadable}` ? refused : undefined;
    const { names, faults, store } = retired(disk);
    assertEquals(names, [unreadable === "sm" ? "old" : "new"]);
    assert(faults > 0);
    assertEquals(Object.keys(disk.files).length, 2, "no record is lost");
    assert(store.load().every((record) => store.has(record)));
  }
});

Deno.test("field 10: an unreadable record is kept, and the other peers are notified", pure, () => {
  const disk = diskWith({ "sm/a": line("a"), "sm/b": line("b"), "sm.bak/c": line("c") });
  disk.fault = (operation, path) =>
    operation === "read" && /[ac]$/.test(path) ? refused : undefined;
  const { names, faults, log } = retired(disk);
  assertEquals([names, faults], [["b"], 2]);
  assertEquals(log.of("warning"), [
    'warning: Skipping "/nsm/sm.bak/c": Operation not permitted (os error 1)',
    'warning: Skipping "/nsm/sm.bak/a": Operation not permitted (os error 1)',
  ]);
});

Deno.test("field 10: peers whose records cannot be moved are notified too", pure, () => {
  const disk = diskWith({ "sm/a": line("a"), "sm/b": line("b") });
  disk.fault = (operation, path) =>
    operation === "rename" && path.endsWith("/a") ? refused : undefined;
  const { names, faults, store } = retired(disk);
  assertEquals([names, faults], [["a", "b"], 1]);
  // A background process also finds the record, but no peer monitored later.
  const later = open(disk).store;
  const movedAt = disk.facts("/nsm/sm/a")!.modifiedAt;
  assertEquals(later.load(movedAt).map(({ fileName }) => fileName).sort(), ["a", "b"]);
  assertEquals(later.load(movedAt - 1).map(({ fileName }) => fileName), ["b"]);
  assert(store.load().every((record) => store.has(record)));
});

Deno.test(
  "field 10: a file that cannot be renamed is copied, as onto another file system",
  pure,
  () => {
    const disk = diskWith({ "sm/a": line("a"), "sm/b": line("b"), "sm.bak/b": line("b", "old") });
    disk.fault = (operation, path) =>
      operation === "rename" && path.startsWith("/nsm/sm/")
        ? new Error("Invalid cross-device link (os error 18)")
        : undefined;
    const { names, faults } = retired(disk);
    assertEquals([names, faults], [["a", "b", "b"], 0]);
    assertEquals(Object.keys(disk.files).sort(), ["/nsm/sm.bak/a", "/nsm/sm.bak/b"]);
  },
);

Deno.test("field 11: a file system that cannot sync a directory is named once", pure, async () => {
  const disk = diskWith({ "sm/a": line("a"), "sm.bak/a": line("a", "old"), "sm/b": line("b") });
  disk.fault = (operation) =>
    operation === "syncDirectory" ? new Error("Invalid argument (os error 22)") : undefined;
  const { names, faults, log, store } = retired(disk);
  assertEquals([names, faults], [["a", "a", "b"], 0]);
  await Promise.all(store.load().map((record) => store.remove(record)));
  assertEquals(disk.files, {});
  const said = log.lines.filter((it) => it.includes("cannot sync a directory"));
  assertEquals(said.length, new Set(said).size);
  assertEquals(log.of("error"), []);
});

Deno.test("a failed sync of a directory keeps no peer from being notified", pure, () => {
  const disk = diskWith({ "sm/a": line("a"), "sm.bak/a": line("a", "old") });
  disk.fault = (operation) =>
    operation === "syncDirectory" ? new Error("I/O error (os error 5)") : undefined;
  const { names } = retired(disk);
  assertEquals(names, ["a", "a"]);
  assert("/nsm/sm/a" in disk.files, "the source stays while the merged file may be lost");
});

Deno.test("B5: has() is true in case of doubt", pure, () => {
  const disk = diskWith({ "sm.bak/a": line("a") });
  const { store } = open(disk);
  const [record] = store.load();
  const facts = disk.facts.bind(disk);
  disk.facts = () => {
    throw new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  };
  assert(store.has(record!));
  disk.facts = facts;
  assert(store.has(record!));
  assert(!store.has({ ...record!, fileName: "b" }));
});

Deno.test("load() gives each peer with its file's name and time", pure, () => {
  const disk = diskWith({
    "sm.bak/host.example": line("10.0.0.1") + line("alias"),
    "sm.bak/b": "x",
  });
  const { store, log } = open(disk);
  const modifiedAt = disk.facts("/nsm/sm.bak/host.example")!.modifiedAt;
  assertEquals(store.load(), [
    { fileName: "host.example", monName: "10.0.0.1", myName: "us", modifiedAt },
    { fileName: "host.example", monName: "alias", myName: "us", modifiedAt },
  ]);
  assertEquals(log.lines, ['warning: Skipping "/nsm/sm.bak/b": no line in it is a record']);
});

Deno.test("load() removes unfinished files", pure, () => {
  const disk = diskWith({ "sm.bak/.0.new": "half", "sm.bak/a": line("a") });
  assertEquals(open(disk).store.load().length, 1);
  assertEquals(Object.keys(disk.files), ["/nsm/sm.bak/a"]);
});

Deno.test("load() leaves files alone that another process is writing", () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${directory}/sm.bak`);
    const [now, before] = [`${directory}/sm.bak/.1.0.new`, `${directory}/sm.bak/.2.0.new`];
    Deno.writeTextFileSync(now, "half");
    Deno.writeTextFileSync(before, "half");
    Deno.utimeSync(before, new Date(0), new Date(0));
    openNotifyStore(directory, { log: new RecordingLog() }).load();
    const names = [...Deno.readDirSync(`${directory}/sm.bak`)].map(({ name }) => name);
    assertEquals(names, [".1.0.new"]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("remove() of thousands of peers shares writes and syncs", pure, async () => {
  const files: Record<string, string> = {};
  for (let i = 0; i < 2000; i++) files[`sm.bak/host${i}`] = line(`host${i}`);
  const disk = diskWith(files);
  const { store } = open(disk);
  await Promise.all(store.load().map((peer) => store.remove(peer)));
  assertEquals(disk.files, {});
  assertEquals(disk.journal.filter((it) => it.startsWith("syncDirectory")).length, 17);
});

Deno.test("remove() reports peers that may be notified again", pure, async () => {
  const disk = diskWith({ "sm.bak/a": line("a") });
  const { store } = open(disk);
  const [peer] = store.load();
  disk.fault = (operation) =>
    operation === "remove" ? new Error("Read-only file system (os error 30)") : undefined;
  await assertRejects(() => store.remove(peer!), StoreError, "Read-only file system");
});
