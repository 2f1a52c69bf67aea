import { assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { FileStamp, STAMP_SETTLES_MS } from "../../lib/platform/file_stamp.ts";
import { RealFileSystem } from "../../lib/store/file_system.ts";
import { keepFile } from "../../lib/store/kept_file.ts";
import { layoutOf } from "../../lib/store/layout.ts";
import { StateFile } from "../../lib/store/state_file.ts";
import { nextTick } from "../support/file_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

/** File "old" in a directory of its own. */
async function within(run: (path: string, directory: string) => void | Promise<void>) {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${directory}/state`, "old");
    await run(`${directory}/state`, directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("a kept file is read again only after a change", () =>
  within(async (path, directory) => {
    let now = 0;
    let reads = 0;
    const read = () => {
      reads++;
      return Deno.readTextFileSync(path);
    };
    const file = keepFile(path, read, new FileStamp(path, () => now));
    assertEquals([file.read(), reads], ["old", 1]);
    now += STAMP_SETTLES_MS;
    assertEquals([file.read(), file.read(), file.read(), reads], ["old", "old", "old", 2]);
    await nextTick(directory);
    Deno.writeTextFileSync(path, "new");
    assertEquals([file.read(), reads], ["new", 3]);
    // A second change within a tick of the file system's clock, which times do not show.
    Deno.writeTextFileSync(path, "odd");
    assertEquals([file.read(), reads], ["odd", 4]);
  }));

Deno.test("a file that could not be read is read again, although it was not changed", () =>
  within((path) => {
    let now = 0;
    let fault: Error | undefined;
    const read = () => {
      if (fault !== undefined) throw fault;
      return Deno.readTextFileSync(path);
    };
    const file = keepFile(path, read, new FileStamp(path, () => now));
    file.read();
    fault = new Error("I/O error (os error 5)");
    now += STAMP_SETTLES_MS;
    for (let i = 0; i < 3; i++) assertThrows(() => file.read(), Error, "I/O error");
    fault = undefined;
    assertEquals(file.read(), "old");
  }));

Deno.test("the state number on disk is the one of the next call, however it was changed", () =>
  within((path, directory) => {
    const bytes = (number: number) => new Uint8Array(Int32Array.of(number).buffer);
    Deno.writeFileSync(path, bytes(5));
    const layout = layoutOf(directory);
    const ours = new StateFile(new RealFileSystem(), layout, new RecordingLog());
    const theirs = new StateFile(new RealFileSystem(), layout, new RecordingLog());
    assertEquals([ours.read(), ours.read()], [5, 5]);
    assertEquals([theirs.advance(), ours.read()], [7, 7]); // sm-notify
    Deno.writeFileSync(path, bytes(9)); // a person, at once after that
    assertEquals(ours.read(), 9);
    Deno.truncateSync(path); // an upgrade of nfs-common
    assertEquals([ours.read(), [...Deno.readFileSync(path)]], [9, [...bytes(9)]]);
    assertEquals([theirs.advance(), theirs.advance(), ours.read()], [11, 13, 13]);
    Deno.writeFileSync(path, bytes(9)); // from a backup
    assertEquals([ours.read(), [...Deno.readFileSync(path)]], [13, [...bytes(13)]]);
  }));
