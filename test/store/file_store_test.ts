import "../support/open_libc.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type MonitorRecord, type MonitorStore, StoreError } from "../../lib/nsm/ports.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { asideName } from "../../lib/store/layout.ts";
import { FILE_MAX_BYTES } from "../../lib/store/record_file.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

function record(monName: string, myName = "us", cookie = 1): MonitorRecord {
  const priv = privOf(cookie);
  return { monName, myName, myProg: 100021, myVers: 3, myProc: 16, priv };
}

function text(...records: MonitorRecord[]): string {
  return records.map(formatRecord).join("");
}

interface Opened {
  readonly store: MonitorStore;
  readonly disk: FragileDisk;
  readonly log: RecordingLog;
  readonly loaded: MonitorRecord[];
}

function open(disk: FragileDisk): Opened {
  const log = new RecordingLog();
  const store = openMonitorStore(STATE_DIRECTORY, { log, fileSystem: disk });
  return { store, disk, log, loaded: [...store.load()] };
}

Deno.test("load() skips lines that are no records, with a log line each", pure, () => {
  const disk = diskWith({
    "sm/good": text(record("good")),
    "sm/half": `${text(record("half"))}0100007f half\n\x00\xff\n`,
    "sm/open": text(record("open")).trimEnd(),
    "sm/legacy": "",
    "sm/binary": "\x7fELF\0\0\n\n",
    "sm/huge": "x".repeat(FILE_MAX_BYTES + 1),
    "sm/secret": text(record("secret")),
    "sm/.hidden": text(record("hidden")),
    "sm/.peers": "{}\n",
  });
  disk.addOther(`${STATE_DIRECTORY}/sm`, "link", "isSymlink");
  disk.addOther(`${STATE_DIRECTORY}/sm`, "folder", "isDirectory");
  disk.addOther(`${STATE_DIRECTORY}/sm`, "fi\nfo", "isOther");
  const before = disk.files;
  disk.fault = (operation, path) =>
    operation === "read" && path.endsWith("/secret")
      ? new Deno.errors.PermissionDenied("Permission denied (os error 13): open '/nsm/sm/secret'")
      : undefined;
  const { loaded, log } = open(disk);
  assertEquals(loaded, [record("good"), record("half"), record("open")]);
  assertEquals(log.lines.toSorted(), [
    'warning: Skipping "/nsm/sm/binary": no line in it is a record',
    'warning: Skipping "/nsm/sm/fi\\x0afo": it is a special file',
    'warning: Skipping "/nsm/sm/folder": it is a directory',
    `warning: Skipping "/nsm/sm/huge": it is longer than ${FILE_MAX_BYTES} bytes`,

    'warning: Skipping "/nsm/sm/legacy": it is empty, as a power cut in the middle of SM_MON leaves it',
    'warning: Skipping "/nsm/sm/link": it is a symbolic link',
    'warning: Skipping "/nsm/sm/secret": Permission denied (os error 13)',
    'warning: Skipping 2 lines of "/nsm/sm/half": not a record',
  ]);
  assertEquals(disk.files, before);
});

Deno.test("load() removes unfinished files only", pure, () => {
  const disk = diskWith({
    "sm/.0.new": "half",
    "sm/.a.new": "left by nfs-utils 2.8",
    "sm/.new": "x",
    "sm/.peers": "{}\n",
    "sm/a.new": text(record("a.new")),
  });
  const { loaded, log } = open(disk);
  assertEquals(loaded, [record("a.new")]);
  assertEquals(Object.keys(disk.files), ["/nsm/sm/.peers", "/nsm/sm/a.new"]);
  assertEquals(log.of("info").length, 3);
});

Deno.test("load() removes recent unfinished files, since the directory is locked", () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${directory}/sm`);
    Deno.writeTextFileSync(`${directory}/sm/.1.0.new`, "half");
    Array.from(openMonitorStore(directory, { log: new RecordingLog() }).load());
    assertEquals([...Deno.readDirSync(`${directory}/sm`)], []);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("load() continues if it may not remove or sync anything", pure, () => {
  const disk = diskWith({ "sm/.0.new": "half", "sm/a": text(record("a")) });
  disk.fault = (operation) =>
    operation === "remove" || operation === "syncDirectory"
      ? new Deno.errors.PermissionDenied("Permission denied (os error 13)")
      : undefined;
  const { loaded, log } = open(disk);
  assertEquals(loaded, [record("a")]);
  assertEquals(log.lines.length, 2);
});

Deno.test("load() fails without a directory", pure, () => {
  const error = assertThrows(() => open(new FragileDisk([STATE_DIRECTORY])), StoreError);
  assertEquals(error.message, 'Cannot read "/nsm/sm": No such directory (os error 2)');
});

Deno.test("otherNames() returns the names under which nfs-utils files a peer", pure, () => {
  const { store } = open(diskWith({
    "sm/host.example": text(record("10.0.0.1"), record("alias")),
    "sm/second.example": text(record("alias", "them")),
    "sm/alias": text(record("alias", "others")),
    "sm/plain": text(record("plain")),
  }));
  assertEquals(store.otherNames("10.0.0.1"), ["host.example"]);
  assertEquals([...store.otherNames("alias")].sort(), ["host.example", "second.example"]);
  assertEquals(store.otherNames("plain"), []);
  assertEquals(store.otherNames("unknown"), []);
});

Deno.test("put() uses the file in which nfs-utils has the peer", pure, async () => {
  const official = `${text(record("10.0.0.1"))}junk\n${text(record("alias"))}`;
  const { store, disk } = open(diskWith({ "sm/host.example": official }));
  await store.put(record("10.0.0.1", "us", 2), record("10.0.0.1"));
  await store.put(record("alias", "them"));
  await store.put(record("10.0.0.2"));
  assertEquals(disk.files, {
    "/nsm/sm/host.example": `junk\n${
      text(record("alias"), record("10.0.0.1", "us", 2), record("alias", "them"))
    }`,
    "/nsm/sm/10.0.0.2": text(record("10.0.0.2")),
  });
  await store.remove([record("alias"), record("alias", "them"), record("10.0.0.1")]);
  assertEquals(disk.files["/nsm/sm/host.example"], "junk\n");
});

Deno.test("put() adds to a file created since load()", pure, async () => {
  const { store, disk } = open(diskWith({}));
  await store.put(record("a"));
  disk.rename("/nsm/sm/a", "/nsm/sm.bak/a");
  await store.put(record("a"), record("a"));
  assertEquals(disk.files["/nsm/sm/a"], text(record("a")));
  const other = open(diskWith({}));
  other.disk.append("/nsm/sm/a", text(record("a", "them")), 0o600);
  await other.store.put(record("a"));
  assertEquals(other.disk.files["/nsm/sm/a"], text(record("a", "them"), record("a")));
});

Deno.test("put() writes nothing if the record exists already", pure, async () => {
  const { store, disk } = open(diskWith({ "sm/a": text(record("a"), record("a", "them")) }));
  const before = [...disk.journal];
  await store.put(record("a"), record("a"));
  assertEquals(disk.journal, before);
});

Deno.test("put() does not follow a symbolic link", pure, async () => {
  const disk = diskWith({});
  disk.addOther(`${STATE_DIRECTORY}/sm`, "a", "isSymlink");
  const { store } = open(disk);
  await assertRejects(() => store.put(record("a")), StoreError, "it is not a regular file");
});

Deno.test("put() names the fault of a record", pure, async () => {
  const { store, disk } = open(diskWith({}));
  const faults: [MonitorRecord, string][] = [
    [record("../../etc/cron.d/x"), "the name begins with a dot"],
    [record("a/../../x"), "the name has a character that no file here may have"],
    [record("a", "x".repeat(1024)), "record too long"],
    [record("a", "x\n"), "my_name has a character that no record may have there"],
  ];
  for (const [it, fault] of faults) await assertRejects(() => store.put(it), StoreError, fault);
  assertEquals(disk.files, {});
});

Deno.test(
  "remove() does not look outside of the directory for a record in a file",
  pure,
  async () => {
    const path = record("../../etc/passwd");
    const { store, disk, loaded } = open(diskWith({ "sm/a": text(path, record("a")) }));
    assertEquals(loaded, [path, record("a")]);
    const looked: string[] = [];
    disk.fault = (operation, at) => {
      if (operation === "read") looked.push(at);
      return undefined;
    };
    await store.remove([path]);
    assertEquals(looked, ["/nsm/sm/a"]);
    assertEquals(disk.files, { "/nsm/sm/a": text(record("a")) });
    await store.remove([record("../x")]);
  },
);

Deno.test("remove() rewrites a file once for all of its records", pure, async () => {
  const own = Array.from({ length: 50 }, (_, i) => record("a", `us${i}`));
  const { store, disk } = open(diskWith({ "sm/a": text(record("a"), ...own) }));
  await store.remove(own);
  assertEquals(disk.files, { "/nsm/sm/a": text(record("a")) });
  assertEquals(disk.journal.filter((line) => line.startsWith("create")).length, 1);
});

Deno.test("remove() removes what it can, and reports the rest", pure, async () => {
  const { store, disk } = open(diskWith({ "sm/a": text(record("a")), "sm/b": text(record("b")) }));
  disk.fault = (operation, path) =>
    /^(remove|rename)$/.test(operation) && /\/a( |$)/.test(path)
      ? new Error("I/O error (os error 5)")
      : undefined;
  const error = await assertRejects(() => store.remove([record("a"), record("b")]), StoreError);
  assertEquals(error.path, "/nsm/sm/a");
  store.tidy();
  assertEquals(Object.keys(disk.files), ["/nsm/sm/a"]);
});

Deno.test("the store takes over files on disk and writes them with nfs-utils' modes", async () => {
  const directory = Deno.makeTempDirSync();
  const umask = Deno.umask(0o022);
  try {
    Deno.mkdirSync(`${directory}/sm`);
    Deno.writeTextFileSync(`${directory}/sm/taken`, text(record("taken")));
    Deno.symlinkSync(`${directory}/sm/taken`, `${directory}/sm/link`);
    Deno.symlinkSync("/nowhere", `${directory}/sm/${asideName(1)}`);
    const log = new RecordingLog();
    const store = openMonitorStore(directory, { log });
    assertEquals([...store.load()], [record("taken")]);
    assertEquals(log.lines, [`warning: Skipping "${directory}/sm/link": it is a symbolic link`]);
    await store.put(record("new", "\x80\xff"));
    assertEquals(Deno.readFileSync(`${directory}/sm/new`).slice(-3), Uint8Array.of(0x80, 0xff, 10));
    assertEquals(Deno.statSync(`${directory}/sm/new`).mode! & 0o777, 0o600);
    await store.put(record("new"));
    assertEquals(Deno.statSync(`${directory}/sm/new`).mode! & 0o777, 0o640);
    assertEquals(store.stateNumber(), 3);
    assertEquals(Deno.statSync(`${directory}/state`).mode! & 0o777, 0o644);
    await store.remove([record("new"), record("new", "\x80\xff"), record("taken")]);
    store.tidy();
    assertEquals([...Deno.readDirSync(`${directory}/sm`)].map(({ name }) => name), ["link"]);
    assert(Deno.lstatSync(`${directory}/sm/link`).isSymlink);
  } finally {
    Deno.umask(umask);
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test(
  "trust 10: letter-case variants of one name cost no more than the name",
  pure,
  async () => {
    const { store, disk } = open(diskWith({}));
    const spelling = (i: number) =>
      [..."abcdefghij"].map((letter, bit) => i >> bit & 1 ? letter.toUpperCase() : letter).join("");
    let before = record(spelling(0));
    await store.put(before);
    const steps: number[] = [];
    for (let i = 1; i < 300; i++) {
      const since = disk.journal.length;
      await store.put(record(spelling(i)), before);
      before = record(spelling(i));
      steps.push(disk.journal.length - since);
    }
    assertEquals(new Set(steps).size, 1);
    assertEquals(Object.keys(disk.files), ["/nsm/sm/abcdefghij"]);
    await store.remove([before]);
    const named = () => Object.keys(disk.files).filter((path) => !path.startsWith("/nsm/sm/."));
    assertEquals(named(), []);
    // Its next record has its own name again.
    await store.put(before);
    assertEquals(named(), [`/nsm/sm/${before.monName}`]);
  },
);

Deno.test(
  "an unreadable file belongs to its peer, in any letter case",
  pure,
  async () => {
    const isUnreadable = { now: true };
    for (const name of ["nodeb", "NodeB"]) {
      const disk = diskWith({ [`sm/${name}`]: text(record(name)) });
      disk.fault = (operation, path) =>
        isUnreadable.now && operation === "read" && path.endsWith(`/${name}`)
          ? new Error("Stale file handle (os error 116)")
          : undefined;
      isUnreadable.now = true;
      const { store } = open(disk);
      assertEquals(store.unread, 1);
      await assertRejects(() => store.put(record("NODEB", "us", 2)), StoreError);
      isUnreadable.now = false;
      await store.put(record("NODEB", "us", 2), record(name));
      assertEquals(recordsOn(disk), [record("NODEB", "us", 2)]);
      await store.remove([record("NODEB", "us", 2)]);
      assertEquals(recordsOn(disk), []);
    }
  },
);

Deno.test("files of dropped records are forgotten once they are moved away", pure, async () => {
  const { store, disk } = open(diskWith({}));
  await store.put(record("kept"));
  store.dropped(["kept"]);
  let listings = 0;
  disk.fault = (operation) => void (listings += operation === "list" ? 1 : 0);
  for (let round = 0; round < 10; round++) {
    store.dropped(Array.from({ length: 1000 }, (_, i) => `h${round}x${i}`));
  }
  const known = ["H0x1", "H4x1", "H9x1", "KEPT"].map((name) => store.otherNames(name));
  assertEquals(known, [[], [], ["h9x1"], ["kept"]]);
  assertEquals(listings, 9);
});

Deno.test("put() replaces the record itself, not a copy in other letters", pure, async () => {
  const { store, disk } = open(diskWith({
    "sm/NODEB": text(record("NODEB", "us", 1)),
    "sm/nodeb": text(record("nodeb", "us", 2)),
  }));
  disk.fault = (operation) => operation === "write" ? new Error("No space left") : undefined;
  await assertRejects(
    () => store.put(record("nodeb", "us", 3), record("nodeb", "us", 2)),
    StoreError,
  );
  assertEquals(recordsOn(disk), [record("nodeb", "us", 2)]);
});

Deno.test("put() writes no second line beside a file that cannot be read", pure, async () => {
  const { store, disk } = open(diskWith({
    "sm/NODEB": text(record("NODEB", "them", 1)),
    "sm/nodeb": text(record("nodeb", "us", 2)),
  }));
  const before = disk.files;
  disk.fault = (operation, path) =>
    operation === "read" && path.endsWith("/nodeb") ? new Error("Stale file handle") : undefined;
  await assertRejects(
    () => store.put(record("nodeb", "us", 3), record("nodeb", "us", 2)),
    StoreError,
    'Cannot read "/nsm/sm/nodeb": Stale file handle',
  );
  assertEquals(disk.files, before);
});

Deno.test("remove() asks what is to be kept when it changes the file", pure, async () => {
  const { store, disk } = open(diskWith({ "sm/a": text(record("a")) }));
  const kept = new Set<string>();
  const removal = store.remove([record("a")], ({ priv }) => kept.has(priv));
  kept.add(privOf(1));
  await removal;
  assertEquals(recordsOn(disk), [record("a")]);
});

Deno.test("files of one peer in two letter cases are both found at a start", pure, async () => {
  for (const isReplaced of [true, false]) {
    const files = { "sm/nodeb": text(record("nodeb")), "sm/NodeB": text(record("NodeB", "US", 2)) };
    const disk = diskWith(files);
    const { store } = open(disk);
    if (isReplaced) await store.put(record("nodeb", "us", 3), record("nodeb"));
    assertEquals(recordsOn(disk).length, isReplaced ? 1 : 2);
    await store.remove([record("nodeb")]);
    assertEquals(recordsOn(disk), []);
  }
});

/** Records on disk, as the next start reads them. */
function recordsOn(disk: FragileDisk): MonitorRecord[] {
  return open(disk).loaded;
}
