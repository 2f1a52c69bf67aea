import { assert, assertEquals } from "@std/assert";
import { lockOfLife } from "../../lib/platform/run_once.ts";

function withFolder(action: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    action(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("the lock of a life can be taken once, and holds the process id", () => {
  withFolder((folder) => {
    const lock = lockOfLife(folder, "life");
    assertEquals(lock.look(), { kind: "free" });
    assertEquals(lock.take(true), undefined);
    assertEquals(lock.look().kind, "taken");
    assertEquals(Deno.readTextFileSync(`${folder}/sm-notify.pid`), `${Deno.pid}\n`);
    assertEquals(Deno.statSync(`${folder}/sm-notify.pid`).mode! & 0o7777, 0o600);
    assertEquals(lockOfLife(folder, "another life").look(), { kind: "free" });
  });
});

Deno.test("a mark that cannot be held, or is not understood, is of a run that has not ended", () => {
  withFolder((folder) => {
    const boot = `${folder}/sm-notify.boot`;
    const lock = lockOfLife(folder, "life");
    lock.take(false);
    Deno.removeSync(boot);
    Deno.mkdirSync(boot);
    assertEquals(lock.hold()!.finish(), `"${boot}": "${boot}" is not a regular file`);
    Deno.removeSync(boot);
    Deno.writeTextFileSync(boot, "life\nunfin");
    const found = lock.look();
    assertEquals(found.kind === "taken" && found.run, "cutShort");
  });
});

Deno.test("a run is in progress while its process holds the lock, and cut short unless it finished", () => {
  withFolder((folder) => {
    const [pid, boot] = [`${folder}/sm-notify.pid`, `${folder}/sm-notify.boot`];
    const runOf = (life = "life") => {
      const found = lockOfLife(folder, life).look();
      return found.kind === "taken" ? found.run : found.kind;
    };
    const lock = lockOfLife(folder, "life");
    assertEquals(lock.hold(), undefined);
    assertEquals(lock.take(false), undefined);
    assertEquals(runOf(), "cutShort");
    assertEquals(Deno.readTextFileSync(pid), `${Deno.pid}\n`);
    assertEquals(Deno.readTextFileSync(boot), "life\nunfinished\n");
    assertEquals(lockOfLife(folder, "another life").hold(), undefined);
    const { mtime } = Deno.statSync(pid);
    const held = lock.hold()!;
    assertEquals([runOf(), runOf("another life"), runOf("")], ["goingOn", "free", "finished"]);
    assertEquals(held.finish(), undefined);
    assertEquals(runOf(), "finished");
    assertEquals(Deno.readTextFileSync(boot), "life\n");
    assertEquals(Deno.statSync(pid).mtime, mtime);
  });
});

Deno.test("a run does not finish a later one", () => {
  withFolder((folder) => {
    const lock = lockOfLife(folder, "life");
    assertEquals(lock.take(false), undefined);
    const held = lock.hold()!;
    assertEquals(lock.take(false), undefined);
    assertEquals(held.finish(), undefined);
    assertEquals(Deno.readTextFileSync(`${folder}/sm-notify.boot`), "life\nunfinished\n");
  });
});

Deno.test("a lock without a life beside it is nfs-utils' own, and counts", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/sm-notify.pid`, "1\n");
    for (const life of ["life", ""]) assertEquals(lockOfLife(folder, life).look().kind, "taken");
  });
});

Deno.test("portability 1: a lock that cannot be read does not count", () => {
  const makers: Readonly<Record<string, (folder: string) => void>> = {
    "a directory in its place": (folder) => Deno.mkdirSync(`${folder}/sm-notify.pid`),
    "a link in its place": (folder) => Deno.symlinkSync("/nowhere", `${folder}/sm-notify.pid`),
    "a directory in the place of the life": (folder) => {
      Deno.writeTextFileSync(`${folder}/sm-notify.pid`, "1\n");
      Deno.mkdirSync(`${folder}/sm-notify.boot`);
    },
  };
  for (const [what, make] of Object.entries(makers)) {
    withFolder((folder) => {
      make(folder);
      const found = lockOfLife(folder, "life").look();
      assert(found.kind === "unknown" && found.reason.includes(folder), what);
    });
  }
});

Deno.test("portability 1: a missing or unusable folder keeps no peer from being notified", () => {
  withFolder((folder) => {
    Deno.symlinkSync("/nowhere", `${folder}/run`);
    Deno.writeTextFileSync(`${folder}/file`, "");
    for (const path of [`${folder}/none`, `${folder}/run`, `${folder}/file`]) {
      const lock = lockOfLife(path, "life");
      assert(lock.look().kind !== "taken", path);
      assert(lock.take(true)?.includes(path), path);
      assert(lock.look().kind !== "taken", path);
    }
  });
});

Deno.test("a lock of an earlier life is not restored if the life cannot be written", () => {
  withFolder((folder) => {
    assertEquals(lockOfLife(folder, "before").take(true), undefined);
    Deno.removeSync(`${folder}/sm-notify.boot`);
    Deno.mkdirSync(`${folder}/sm-notify.boot/full`, { recursive: true });
    const lock = lockOfLife(folder, "now");
    assert(lock.take(true) !== undefined);
    Deno.removeSync(`${folder}/sm-notify.boot`, { recursive: true });
    assertEquals(lock.look(), { kind: "free" });
  });
});
