import { assert, assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../lib/nsm/ports.ts";
import { GroupCommit } from "../../lib/store/group_commit.ts";
import { asideName, spareName } from "../../lib/store/layout.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FragileDisk } from "../support/fragile_disk.ts";

const pure = { permissions: "none" } as const;

/** First temporary file. */
const ASIDE = `/d/${asideName(1)}`;

function open(files: Record<string, string> = {}): { disk: FragileDisk; commit: GroupCommit } {
  const disk = new FragileDisk(["/d"], files);
  const commit = new GroupCommit(disk, "/d");
  commit.markSynced();
  return { disk, commit };
}

/** Number of operations of one kind. */
function count(disk: FragileDisk, operation: string): number {
  return disk.journal.filter((line) => line.startsWith(`${operation} `)).length;
}

Deno.test("change() makes one file durable in the fewest steps", pure, async () => {
  const { disk, commit } = open();
  await commit.change("a", () => "1\n");
  assertEquals(disk.journal, [
    `create ${ASIDE}`,
    `write ${ASIDE}`,
    `sync ${ASIDE}`,
    `rename ${ASIDE} -> /d/a`,
    "syncDirectory /d",
  ]);
  assertEquals(disk.files, { "/d/a": "1\n" });
});

Deno.test("change() removes a file without writing", pure, async () => {
  const { disk, commit } = open({ "/d/a": "1\n" });
  await commit.change("a", () => undefined);
  assertEquals(disk.journal, ["remove /d/a", "syncDirectory /d"]);
});

Deno.test("change() does nothing without a difference", pure, async () => {
  const { disk, commit } = open({ "/d/a": "1\n" });
  await commit.change("a", (text) => text);
  await commit.change("b", (text) => text);
  assertEquals(disk.journal, []);
});

Deno.test("change() syncs a directory that may not be synced yet", pure, async () => {
  const disk = new FragileDisk(["/d"], { "/d/a": "1\n" });
  const commit = new GroupCommit(disk, "/d");
  await commit.change("a", (text) => text);
  await commit.change("a", (text) => text);
  assertEquals(disk.journal, ["syncDirectory /d"]);
});

Deno.test("change() makes files 0600 and rewrites them 0640, as nfs-utils does", pure, async () => {
  const { disk, commit } = open();
  await commit.change("a", () => "1\n");
  assertEquals(disk.modeOf("/d/a"), 0o600);
  await commit.change("a", () => "2\n");
  assertEquals(disk.modeOf("/d/a"), 0o640);
});

Deno.test("changes of one turn share the sync of the directory", pure, async () => {
  const { disk, commit } = open();
  const names = Array.from({ length: 32 }, (_, i) => `host${i}`);
  await Promise.all(names.map((name) => commit.change(name, () => name)));
  assertEquals(count(disk, "sync"), 32);
  assertEquals(count(disk, "syncDirectory"), 1);
  assertEquals(Object.keys(disk.files).length, 32);
});

Deno.test("changes that arrive within a few microtasks join the group", pure, async () => {
  const { disk, commit } = open();
  const arrive = async (name: string, turns: number) => {
    for (let i = 0; i < turns; i++) await undefined;
    await commit.change(name, () => name);
  };
  await Promise.all([arrive("a", 0), arrive("b", 8), arrive("c", 16), arrive("d", 24)]);
  assertEquals(count(disk, "syncDirectory"), 1);
});

Deno.test("changes that arrive while the disk is busy are the next group", pure, async () => {
  const { disk, commit } = open();
  const first = [commit.change("a", () => "1"), commit.change("b", () => "1")];
  let more: Promise<void>[] = [];
  disk.fault = (operation) => {
    if (operation === "sync" && more.length === 0) {
      more = [commit.change("a", (text) => `${text}2`), commit.change("c", () => "2")];
    }
    return undefined;
  };
  await Promise.all(first);
  assertEquals(disk.files, { "/d/a": "1", "/d/b": "1" });
  await Promise.all(more);
  assertEquals(disk.files, { "/d/a": "12", "/d/b": "1", "/d/c": "2" });
  assertEquals(count(disk, "syncDirectory"), 2);
});

Deno.test("changes to one file take effect in their order and are one write", pure, async () => {
  const { disk, commit } = open();
  const steps = ["1", "2", "3"].map((step) => commit.change("a", (text) => (text ?? "") + step));
  await Promise.all(steps);
  assertEquals(disk.files, { "/d/a": "123" });
  assertEquals(count(disk, "create"), 1);
  await Promise.all([commit.change("b", () => "1"), commit.change("b", () => undefined)]);
  assertEquals(disk.files, { "/d/a": "123" });
});

Deno.test("any number of changes is made, some at a time", pure, async () => {
  const { disk, commit } = open();
  await Promise.all(
    Array.from({ length: 1000 }, (_, i) => commit.change(`host${i}`, () => `${i}`)),
  );
  assertEquals(Object.keys(disk.files).length, 1000);
  assertEquals(count(disk, "syncDirectory"), Math.ceil(1000 / 128));
});

Deno.test("an exception of one change rejects that change only", pure, async () => {
  const { disk, commit } = open({ "/d/a": "1" });
  const results = await Promise.allSettled([
    commit.change("a", (text) => `${text}2`),
    commit.change("a", () => {
      throw new Error("it would be too long");
    }),
    commit.change("a", (text) => `${text}3`),
  ]);
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals(disk.files, { "/d/a": "123" });
});

const FULL = new Error("No space left on device (os error 28)");

for (const operation of ["read", "create", "write", "sync", "rename"] as const) {
  Deno.test(`a failed ${operation} fails that file only`, pure, async () => {
    const { disk, commit } = open({ "/d/a": "old", "/d/b": "old" });
    // Files aside are numbered in the order of the calls.
    disk.fault = (failing, path) =>
      failing === operation && (path.endsWith("/a") || path.startsWith(ASIDE)) ? FULL : undefined;
    const results = await Promise.allSettled([
      commit.change("a", () => "new"),
      commit.change("b", () => "new"),
      commit.change("a", () => "newer"),
    ]);
    assertEquals(results.map(({ status }) => status), ["rejected", "fulfilled", "rejected"]);
    assertEquals(disk.files, { "/d/a": "old", "/d/b": "new" });
    disk.fault = () => undefined;
    await commit.change("a", () => "new");
    assertEquals(disk.files, { "/d/a": "new", "/d/b": "new" });
  });
}

Deno.test("a failure names the file and the reason", pure, async () => {
  const { disk, commit } = open();
  disk.fault = (operation) => operation === "write" ? FULL : undefined;
  const error = await assertRejects(() => commit.change("a", () => "1"), StoreError);
  assertEquals(error.message, 'Cannot write "/d/a": No space left on device (os error 28)');
  assertEquals(error.path, "/d/a");
  assertEquals(error.cause, FULL);
});

Deno.test(
  "a failed sync of the directory fails all changes, and is repeated next time",
  pure,
  async () => {
    for (const names of [["a"], ["a", "b"]]) {
      const { disk, commit } = open();
      disk.fault = (operation) => operation === "syncDirectory" ? FULL : undefined;
      const results = await Promise.allSettled(
        names.map((name) => commit.change(name, () => "1")),
      );
      assert(results.every(({ status }) => status === "rejected"));
      disk.fault = () => undefined;
      await commit.change("a", () => "1");
      assertEquals(count(disk, "create"), names.length);
      assertEquals(count(disk, "syncDirectory"), 1);
    }
  },
);

Deno.test("change() removes an obstacle in place of the temporary file", pure, async () => {
  const { disk, commit } = open({ [ASIDE]: "left by somebody with our number" });
  await commit.change("a", () => "1");
  assertEquals(disk.files, { "/d/a": "1" });
});

Deno.test("change() accepts that another program removed a file", pure, async () => {
  const { disk, commit } = open({ "/d/a": "1" });
  disk.fault = (operation) =>
    operation === "remove" ? new Deno.errors.NotFound("No such file (os error 2)") : undefined;
  await commit.change("a", () => undefined);
  assertEquals(count(disk, "syncDirectory"), 1);
});

Deno.test("change() changes regular files only", pure, async () => {
  const { disk, commit } = open();
  disk.addOther("/d", "link", "isSymlink");
  const error = await assertRejects(() => commit.change("link", () => "1"), StoreError);
  assertEquals(error.message, 'Cannot write "/d/link": it is not a regular file');
  assertEquals(disk.journal, []);
});

Deno.test("change() fails if the whole directory is gone", pure, async () => {
  const commit = new GroupCommit(new FragileDisk([]), "/d");
  commit.markSynced();
  const error = await assertRejects(() => commit.change("a", () => undefined), StoreError);
  assertEquals(error.message, 'Cannot write "/d/a": there is no directory "/d"');
});

function openKeeping(files: Record<string, string> = {}): ReturnType<typeof open> {
  const disk = new FragileDisk(["/d"], files);
  const commit = new GroupCommit(disk, "/d", { keepsSpares: true });
  commit.markSynced();
  return { disk, commit };
}

const SPARE = `/d/${spareName(1)}`;

Deno.test("a removed file is kept aside, and becomes the next new one", pure, async () => {
  const { disk, commit } = openKeeping({ "/d/a": "longer than the next\n" });
  await commit.change("a", () => undefined);
  await commit.change("b", () => "1\n");
  assertEquals(disk.journal, [
    `rename /d/a -> ${SPARE}`,
    "syncDirectory /d",
    `write ${SPARE}`,
    `sync ${SPARE}`,
    `rename ${SPARE} -> /d/b`,
    "syncDirectory /d",
  ]);
  assertEquals(disk.files, { "/d/b": "1\n" });
});

Deno.test("a spare file with other permissions is not reused", pure, async () => {
  const { disk, commit } = openKeeping({ "/d/a": "1\n", "/d/b": "1\n" });
  await commit.change("a", () => undefined);
  await commit.change("b", () => "2\n");
  assertEquals(disk.modeOf("/d/b"), 0o640);
  assertEquals(disk.files, { "/d/b": "2\n" });
});

Deno.test(
  "a file that is long, or whose removal may not be durable, is not kept",
  pure,
  async () => {
    const { disk, commit } = openKeeping({ "/d/a": "1\n", "/d/long": "x".repeat(5000) });
    await commit.change("long", () => undefined);
    assertEquals(disk.journal[0], "remove /d/long");
    disk.fault = (operation) => operation === "syncDirectory" ? FULL : undefined;
    await assertRejects(() => commit.change("a", () => undefined), StoreError);
    assertEquals(disk.files, {});
  },
);

Deno.test("a file is removed if the directory has no room for another name", pure, async () => {
  const { disk, commit } = openKeeping({ "/d/a": "1\n" });
  disk.fault = (operation) => operation === "rename" ? FULL : undefined;
  await commit.change("a", () => undefined);
  assertEquals(disk.files, {});
});

Deno.test("a limited number of files is kept, and none at the end", pure, async () => {
  const names = Array.from({ length: 100 }, (_, i) => `host${i}`);
  const { disk, commit } = openKeeping(Object.fromEntries(names.map((it) => [`/d/${it}`, "1\n"])));
  await Promise.all(names.map((name) => commit.change(name, () => undefined)));
  assertEquals(Object.keys(disk.files).length, 96);
  commit.tidy();
  assertEquals(disk.files, {});
});

Deno.test("a new file that is alone waits for one flush", pure, async () => {
  const disk = new FragileDisk(["/d"]);
  disk.namesWithFiles = true;
  const commit = new GroupCommit(disk, "/d", { syncsNames: true });
  commit.markSynced();
  await commit.change("a", () => "1\n");
  assertEquals(disk.journal, [
    `create ${ASIDE}`,
    `write ${ASIDE}`,
    `rename ${ASIDE} -> /d/a`,
    `syncWithName ${ASIDE}`,
  ]);
});

for (const [what, text] of [["longer than a sector", "x".repeat(513)], ["old", "2\n"]]) {
  Deno.test(`a file that is ${what} is synced before it is named`, pure, async () => {
    const disk = new FragileDisk(["/d"], what === "old" ? { "/d/a": "1\n" } : {});
    const commit = new GroupCommit(disk, "/d", { syncsNames: true });
    commit.markSynced();
    await commit.change("a", () => text);
    assertEquals(disk.journal, [
      `create ${ASIDE}`,
      `write ${ASIDE}`,
      `sync ${ASIDE}`,
      `rename ${ASIDE} -> /d/a`,
      "syncDirectory /d",
    ]);
  });
}

Deno.test("a new file whose sync fails loses its name", pure, async () => {
  const disk = new FragileDisk(["/d"]);
  const commit = new GroupCommit(disk, "/d", { syncsNames: true });
  commit.markSynced();
  disk.fault = (operation) => operation === "syncWithName" ? FULL : undefined;
  await assertRejects(() => commit.change("a", () => "1\n"), StoreError);
  assertEquals(disk.files, {});
});

/** Group commit whose removals become durable later, by timers run by the test. */
function openLater(names: readonly string[], syncsNames = false) {
  const disk = new FragileDisk(["/d"], Object.fromEntries(names.map((it) => [`/d/${it}`, "1\n"])));
  disk.namesWithFiles = syncsNames;
  const timers = new Map<() => void, number>();
  const failures: unknown[] = [];
  const commit = new GroupCommit(disk, "/d", {
    keepsSpares: true,
    syncsNames,
    later: {
      startTimer(ms, action) {
        timers.set(action, ms);
        return () => timers.delete(action);
      },
      failed: (error) => failures.push(error),
    },
  });
  commit.markSynced();
  const runTimers = () => {
    for (const action of [...timers.keys()]) {
      timers.delete(action);
      action();
    }
  };
  return { disk, commit, timers, runTimers, failures };
}

Deno.test("a removal is acknowledged before the directory is synced", pure, async () => {
  const { disk, commit, timers, runTimers } = openLater(["a", "b"]);
  await commit.change("a", () => undefined);
  await commit.change("b", () => undefined);
  assertEquals(count(disk, "syncDirectory"), 0);
  assertEquals([...timers.values()], [900]);
  runTimers();
  assertEquals(count(disk, "syncDirectory"), 1);
  assertEquals(timers.size, 0);
});

Deno.test("32 removals are durable soon, long before a second has passed", pure, async () => {
  const names = Array.from({ length: 32 }, (_, i) => `host${i}`);
  const { commit, timers } = openLater(names);
  for (const name of names) await commit.change(name, () => undefined);
  assertEquals([...timers.values()], [4]);
});

Deno.test("changes that follow closely do not put a due sync off", pure, async () => {
  const names = Array.from({ length: 33 }, (_, i) => `host${i}`);
  const { commit, timers } = openLater(names, true);
  for (const name of names.slice(1)) await commit.change(name, () => undefined);
  const [due] = timers.keys();
  await commit.change("host0", () => undefined);
  assertEquals([...timers], [[due!, 4]]);
});

Deno.test("a removal whose directory cannot be synced is retried and reported", pure, async () => {
  const { disk, commit, runTimers, failures } = openLater(["a"]);
  disk.fault = (operation) => operation === "syncDirectory" ? FULL : undefined;
  await commit.change("a", () => undefined);
  runTimers();
  assertEquals(failures.length, 1);
  disk.fault = () => undefined;
  runTimers();
  assertEquals(count(disk, "syncDirectory"), 1);
});

Deno.test("a removal is acknowledged where the sync fails that a change needs", pure, async () => {
  const { disk, commit, timers, runTimers, failures } = openLater(["a", "b", "c"]);
  disk.fault = (operation) => operation === "syncDirectory" ? FULL : undefined;
  const remove = (name: string) => commit.change(name, () => undefined);
  const [changed, removed] = await Promise.allSettled([
    commit.change("c", () => "2\n"),
    remove("a"),
  ]);
  assertEquals([changed.status, removed.status], ["rejected", "fulfilled"]);
  await remove("b");
  assertEquals(disk.files, { "/d/c": "2\n" });
  assertEquals([...timers.values()], [900]);
  runTimers();
  assertEquals(failures.length, 1);
  disk.fault = () => undefined;
  runTimers();
  assertEquals([count(disk, "syncDirectory"), timers.size], [1, 0]);
});

Deno.test("a change of a file syncs the removals before it", pure, async () => {
  const { disk, commit } = openLater(["a", "b"]);
  await commit.change("a", () => undefined);
  await commit.change("b", () => "2\n");
  assertEquals(count(disk, "syncDirectory"), 1);
  commit.tidy();
  assertEquals(count(disk, "syncDirectory"), 1);
});

Deno.test("tidy() syncs removals", pure, async () => {
  const { disk, commit, timers } = openLater(["a"]);
  await commit.change("a", () => undefined);
  commit.tidy();
  assertEquals(count(disk, "syncDirectory"), 1);
  assertEquals(timers.size, 0);
  assertEquals(disk.files, {});
});

Deno.test("a file is blank before it is named and then synced", pure, async () => {
  const { disk, commit, runTimers } = openLater(["a"], true);
  await commit.change("a", () => undefined);
  await commit.change("b", () => "1\n");
  assertEquals(disk.journal.filter((line) => line.includes(SPARE)), [`rename /d/a -> ${SPARE}`]);
  runTimers();
  assertEquals(disk.files[SPARE], "\0".repeat(512));
  await commit.change("c", () => "1\n");
  assertEquals(disk.journal.slice(-3), [
    `write ${SPARE}`,
    `rename ${SPARE} -> /d/c`,
    `syncWithName ${SPARE}`,
  ]);
});

Deno.test(
  "changes in company take no blank file, which a later change alone needs",
  pure,
  async () => {
    const { disk, commit, runTimers } = openLater(["a"], true);
    await commit.change("a", () => undefined);
    runTimers();
    await Promise.all(["b", "c"].map((name) => commit.change(name, () => "1\n")));
    assertEquals(disk.files[SPARE], "\0".repeat(512));
  },
);

Deno.test("as many files are blanked as new files came alone, and one at least", pure, async () => {
  const names = ["a", "b", "c", "d"];
  const { disk, commit, runTimers } = openLater(names, true);
  const blanks = () => Object.values(disk.files).filter((text) => text.startsWith("\0")).length;
  await Promise.all(names.map((name) => commit.change(name, () => undefined)));
  runTimers();
  assertEquals(blanks(), 1);
  await Promise.all(names.map((name) => commit.change(name, () => "1\n")));
  await Promise.all(names.map((name) => commit.change(name, () => undefined)));
  runTimers();
  assertEquals(blanks(), 1);
  for (const name of ["e", "f", "g"]) await commit.change(name, () => "1\n");
  await commit.change("e", () => undefined);
  runTimers();
  assertEquals(blanks(), 3);
});

Deno.test("trust 6: commits yield to the event loop, and none takes long", pure, async () => {
  const names = Array.from({ length: 200 }, (_, i) => `host${i}`);
  const disk = new FragileDisk(
    ["/d"],
    Object.fromEntries(names.map((name) => [`/d/${name}`, "1"])),
  );
  const clock = new FakeClock();
  // Each reading of the clock takes a millisecond.
  const now = () => {
    clock.advance(0);
    return clock.now() + looks++;
  };
  let looks = 0;
  const commit = new GroupCommit(disk, "/d", { clock: { now, afterTurn: clock.afterTurn } });
  const all = Promise.all(names.map((name) => commit.change(name, () => undefined)));
  let turns = 0;
  let isDone = false;
  void all.then(() => isDone = true);
  while (!isDone) {
    const before = count(disk, "remove");
    for (let i = 0; i < 200; i++) await undefined;
    // 5 ms of commits in the middle of one turn, and one more that was begun before.
    assert(count(disk, "remove") - before <= 8, `${count(disk, "remove") - before} in one turn`);
    clock.advance(1);
    turns++;
  }
  assert(turns > 20);
  assertEquals(disk.files, {});
});
