import { assert, assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { asOwner, supplementaryGroups } from "../../lib/platform/as_owner.ts";
import { RealFileSystem } from "../../lib/store/file_system.ts";
import { StoreError } from "../../lib/nsm/ports.ts";
import { NotifyRun } from "../../lib/store/notify_run.ts";
import { RecordingLog } from "../support/recording_log.ts";

async function withDirectory(action: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = Deno.makeTempDirSync();
  try {
    for (const name of ["sm", "sm.bak"]) Deno.mkdirSync(`${directory}/${name}`);
    await action(directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("trust 18: a link or FIFO in place of .run is neither followed nor waited for", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/sm.bak/.run`;
    const makers: readonly (() => unknown)[] = [
      () => new Deno.Command("mkfifo", { args: [path] }).outputSync(),
      () => Deno.symlinkSync("/dev/zero", path),
      () => Deno.symlinkSync("/dev/tty", path),
      () => Deno.mkdirSync(path),
    ];
    for (const make of makers) {
      make();
      const run = new NotifyRun(directory, "life", new RecordingLog());
      assertEquals(run.isGoingOn, false);
      assertEquals(run.end(), { kind: "unknown" });
      run.hold();
      (await run.startAlone())[Symbol.dispose]();
      Deno.removeSync(path);
    }
  });
});

Deno.test("a held run is in progress, and a released one was cut short", async () => {
  await withDirectory((directory) => {
    const log = new RecordingLog();
    const [first, second] = [1, 2].map(() => new NotifyRun(directory, "life", log));
    assertEquals(second!.end(), { kind: "none" });
    first!.begin(7);
    assertEquals(second!.end(), { kind: "cutShort", stateNumber: 7 });
    first!.hold();
    assertEquals(second!.end(), { kind: "goingOn" });
    assert(first!.isAlone);
    first!.finish();
    assertEquals(second!.end(), { kind: "none" });
  });
});

Deno.test("a run that cannot read its note continues", async () => {
  await withDirectory((directory) => {
    const log = new RecordingLog();
    const fileSystem = new RealFileSystem();
    const first = new NotifyRun(directory, "life", log, { fileSystem });
    const second = new NotifyRun(directory, "life", log);
    first.begin(7);
    fileSystem.readOwn = () => {
      throw new Error("Stale file handle");
    };
    first.hold();
    assertEquals(second.end(), { kind: "goingOn" });
    first.finish();
    assertEquals(second.end(), { kind: "none" });
  });
});

Deno.test("a run without disk space for its note is seen to be in progress, and leaves no file", async () => {
  await withDirectory((directory) => {
    const log = new RecordingLog();
    const fileSystem = new RealFileSystem();
    const [run, other] = [1, 2].map(() => new NotifyRun(directory, "life", log, { fileSystem }));
    fileSystem.create = () => {
      throw new Error("No space left on device");
    };
    assertThrows(() => run!.begin(7), StoreError, "No space left on device");
    run!.hold();
    assertEquals([other!.isGoingOn, run!.isAlone], [true, true]);
    run!.finish();
    assertEquals([other!.isGoingOn, other!.end()], [false, { kind: "none" }]);
    assertEquals([...Deno.readDirSync(`${directory}/sm.bak`)], []);
  });
});

Deno.test("a full disk accepts the note of a run in place of an earlier one", async () => {
  await withDirectory((directory) => {
    const log = new RecordingLog();
    const fileSystem = new RealFileSystem();
    const [before, run] = [1, 2].map(() => new NotifyRun(directory, "life", log, { fileSystem }));
    fileSystem.create = () => {
      throw new Error("No space left on device");
    };
    assertThrows(() => before!.begin(7), StoreError, "No space left on device");
    Deno.writeTextFileSync(`${directory}/sm.bak/.run`, "7 life\n");
    run!.begin(11);
    assertEquals(run!.end(), { kind: "cutShort", stateNumber: 11 });
  });
});

Deno.test("P1: a run that another one has joined uses its memory, and leaves the note", async () => {
  await withDirectory((directory) => {
    const log = new RecordingLog();
    const [first, second] = [1, 2].map(() => new NotifyRun(directory, "life", log));
    first!.begin(7);
    first!.hold();
    second!.begin(9);
    second!.hold();
    assertEquals([first!.isAlone, second!.isAlone], [false, true]);
    first!.finish();
    assertEquals(new NotifyRun(directory, "life", log).end(), { kind: "goingOn" });
    second!.finish();
    assertEquals(first!.isAlone, false);
  });
});

Deno.test("a start waits for another one, on an unwritable disk too", async () => {
  await withDirectory(async (directory) => {
    const log = new RecordingLog();
    const fileSystem = new RealFileSystem();
    const [before, first, second] = [1, 2, 3].map(() =>
      new NotifyRun(directory, "life", log, { fileSystem })
    );
    (await before!.startAlone())[Symbol.dispose]();
    fileSystem.append = () => {
      throw new Error("Read-only file system");
    };
    const starting = await first!.startAlone();
    let hasStarted = false;
    const waiting = second!.startAlone().then((other) => {
      hasStarted = true;
      other[Symbol.dispose]();
    });
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(hasStarted, false);
    starting[Symbol.dispose]();
    await waiting;
    const line = `debug: Cannot create "${directory}/sm.bak/.start": Read-only file system`;
    assertEquals(log.lines, [line, line]);
  });
});

Deno.test({
  name: "asOwner() drops root's groups and rights, and restores both",
  ignore: Deno.uid() !== 0,
  fn: () =>
    withDirectory((directory) => {
      Deno.chownSync(`${directory}/sm`, 65534, 65534);
      Deno.chmodSync(directory, 0o755);
      const before = supplementaryGroups();
      const status = () => Deno.readTextFileSync("/proc/self/status");
      asOwner(`${directory}/sm`, () => {
        assertEquals(supplementaryGroups(), []);
        assertEquals(/^Uid:\t\d+\t(\d+)/m.exec(status())?.[1], "65534");
      });
      assertEquals(supplementaryGroups(), before);
      assertEquals(/^Uid:\t\d+\t(\d+)/m.exec(status())?.[1], "0");
    }),
});
