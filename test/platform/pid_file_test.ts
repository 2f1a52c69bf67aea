import { assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { openDescriptors } from "../../lib/platform/descriptors.ts";
import { AlreadyRunningError, PidFile, statdPidFile } from "../../lib/platform/pid_file.ts";

function withFolder(test: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function withUmask(mask: number, test: () => void): void {
  const before = Deno.umask(mask);
  try {
    test();
  } finally {
    Deno.umask(before);
  }
}

Deno.test("PidFile holds the process id, in a file that only its owner can open (trust 9)", () => {
  withFolder((folder) => {
    withUmask(0, () => {
      const file = PidFile.create(`${folder}/pid`, 4242);
      assertEquals(Deno.readTextFileSync(`${folder}/pid`), "4242\n");
      assertEquals(Deno.statSync(`${folder}/pid`).mode! & 0o7777, 0o600);
      file.release();
    });
  });
});

Deno.test("PidFile is emptied at the end, and stays", () => {
  withFolder((folder) => {
    PidFile.create(`${folder}/pid`).release();
    assertEquals(Deno.readTextFileSync(`${folder}/pid`), "");
  });
});

Deno.test("PidFile of a living process is not replaced", () => {
  withFolder((folder) => {
    const file = PidFile.create(`${folder}/pid`, 4242);
    const error = assertThrows(() => PidFile.create(`${folder}/pid`, 1), AlreadyRunningError);
    assertEquals((error as AlreadyRunningError).pid, "4242");
    assertEquals(Deno.readTextFileSync(`${folder}/pid`), "4242\n");
    file.release();
    PidFile.create(`${folder}/pid`, 1).release();
  });
});

Deno.test("PidFile replaces a stale file, and follows no link", () => {
  withFolder((folder) => {
    const [path, target] = [`${folder}/pid`, `${folder}/target`];
    Deno.writeTextFileSync(target, "keep");
    const leave: (() => void)[] = [
      () => Deno.writeTextFileSync(path, "99999999\n"),
      () => Deno.symlinkSync(target, path),
      () => Deno.symlinkSync(`${folder}/dangling`, path),
      () => Deno.linkSync(target, path),
    ];
    for (const leaveBehind of leave) {
      leaveBehind();
      const file = PidFile.create(path, 7);
      assertEquals(Deno.lstatSync(path).isFile, true);
      assertEquals(Deno.readTextFileSync(path), "7\n");
      file.release();
      Deno.removeSync(path);
    }
    assertEquals(Deno.readTextFileSync(target), "keep");
    assertThrows(() => Deno.lstatSync(`${folder}/dangling`), Deno.errors.NotFound);
  });
});

Deno.test("trust 9: a lock on a pid file that other users can open does not block the start", () => {
  withFolder((folder) => {
    const path = `${folder}/pid`;
    Deno.writeTextFileSync(path, "1\n");
    Deno.chmodSync(path, 0o644);
    using stranger = Deno.openSync(path);
    assertEquals(stranger.tryLockSync(true), true);
    PidFile.create(path, 7).release();
  });
});

Deno.test("trust 19: only digits of a pid file are shown", () => {
  withFolder((folder) => {
    const file = PidFile.create(`${folder}/pid`, 4242);
    Deno.writeTextFileSync(`${folder}/pid`, "\x1b[31m1\n");
    const error = assertThrows(() => PidFile.create(`${folder}/pid`), AlreadyRunningError);
    assertEquals((error as AlreadyRunningError).pid, "");
    file.release();
  });
});

Deno.test(
  "field 14: each network namespace has a pid file of its own",
  { permissions: "none" },
  () => {
    assertEquals(statdPidFile("net:[1]", "net:[1]"), "/run/rpc.statd.pid");
    assertEquals(statdPidFile(undefined, "net:[1]"), "/run/rpc.statd.pid");
    assertEquals(statdPidFile("net:[2]", undefined), "/run/rpc.statd.pid");
    assertEquals(statdPidFile("net:[2]", "net:[1]"), "/run/rpc.statd.net-2.pid");
  },
);

Deno.test("PidFile leaves no descriptor open if it cannot be created", () => {
  withFolder((folder) => {
    const file = PidFile.create(`${folder}/pid`, 4242);
    const before = openDescriptors().length;
    assertThrows(() => PidFile.create(`${folder}/pid`), AlreadyRunningError);
    assertThrows(() => PidFile.create(`${folder}/none/pid`), Deno.errors.NotFound);
    assertEquals(openDescriptors().length, before);
    file.release();
  });
});
