import { assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { FileStamp, STAMP_SETTLES_MS } from "../../lib/platform/file_stamp.ts";
import { nextTick } from "../support/file_clock.ts";

/** Stamp of a file in a directory of its own; `now` is its clock. */
async function within(
  run: (parts: { path: string; stamp: FileStamp; clock: { now: number } }) => void | Promise<void>,
): Promise<void> {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/file`;
  const clock = { now: 1000 };
  try {
    await run({ path, stamp: new FileStamp(path, () => clock.now), clock });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("a stamp counts only once no later change can have it", () =>
  within(({ path, stamp, clock }) => {
    Deno.writeTextFileSync(path, "old");
    assertEquals([stamp.isUnchanged(), stamp.isUnchanged()], [false, false]);
    clock.now += STAMP_SETTLES_MS - 1;
    assertEquals(stamp.isUnchanged(), false);
    clock.now += 1;
    // What was read before may be older than the last change within the tick.
    assertEquals([stamp.isUnchanged(), stamp.isUnchanged()], [false, true]);
    clock.now += 1e9;
    assertEquals(stamp.isUnchanged(), true);
    stamp.forget();
    assertEquals(stamp.isUnchanged(), false);
    clock.now += STAMP_SETTLES_MS;
    assertEquals([stamp.isUnchanged(), stamp.isUnchanged()], [false, true]);
  }));

/** Ways to change a file "old" so that its length stays; each is seen by the next call. */
const CHANGES: Readonly<Record<string, (path: string) => void>> = {
  "is written in place": (path) => {
    using file = Deno.openSync(path, { write: true });
    file.writeSync(new TextEncoder().encode("new"));
  },
  "is written in place, and its modification time set back": (path) => {
    const { atime, mtime } = Deno.statSync(path);
    Deno.writeTextFileSync(path, "new");
    Deno.utimeSync(path, atime!, mtime!);
  },
  "is replaced by a rename": (path) => {
    Deno.writeTextFileSync(`${path}.new`, "new");
    Deno.renameSync(`${path}.new`, path);
  },
  "is replaced by an older file": (path) => Deno.renameSync(`${path}.older`, path),
  "is removed": (path) => Deno.removeSync(path),
  "is removed and written again": (path) => {
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, "old");
  },
  "gets another mode": (path) => Deno.chmodSync(path, 0o400),
  "becomes a symbolic link": (path) => {
    Deno.removeSync(path);
    Deno.symlinkSync(`${path}.older`, path);
  },
  "gets another directory": (path) => {
    const directory = path.slice(0, path.lastIndexOf("/"));
    Deno.renameSync(directory, `${directory}.before`);
    Deno.mkdirSync(directory);
    Deno.writeTextFileSync(path, "new");
    Deno.removeSync(`${directory}.before`, { recursive: true });
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  Deno.test(`a file that ${what} is changed`, () =>
    within(async ({ path, stamp, clock }) => {
      Deno.writeTextFileSync(`${path}.older`, "old");
      Deno.writeTextFileSync(path, "old");
      stamp.isUnchanged();
      clock.now += STAMP_SETTLES_MS;
      assertEquals([stamp.isUnchanged(), stamp.isUnchanged()], [false, true]);
      await nextTick(path.slice(0, path.lastIndexOf("/")));
      change(path);
      assertEquals(stamp.isUnchanged(), false);
    }));
}

Deno.test("a symbolic link is followed", () =>
  within(async ({ path, stamp, clock }) => {
    Deno.writeTextFileSync(`${path}.a`, "old");
    Deno.symlinkSync("file.a", path);
    stamp.isUnchanged();
    clock.now += STAMP_SETTLES_MS;
    assertEquals([stamp.isUnchanged(), stamp.isUnchanged()], [false, true]);
    await nextTick(path.slice(0, path.lastIndexOf("/")));
    Deno.writeTextFileSync(`${path}.a`, "new");
    assertEquals(stamp.isUnchanged(), false);
  }));

Deno.test("a missing file is never unchanged", () =>
  within(({ stamp, clock }) => {
    assertEquals(stamp.isUnchanged(), false);
    clock.now += STAMP_SETTLES_MS;
    assertEquals([stamp.isUnchanged(), stamp.isUnchanged()], [false, false]);
  }));
