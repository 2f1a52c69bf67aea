import { assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { lockDirectory } from "../../lib/store/directory_lock.ts";

Deno.test("lockDirectory() admits one process, and the next after its end", () => {
  const path = Deno.makeTempDirSync();
  Deno.mkdirSync(`${path}/sm`);
  try {
    {
      using _held = lockDirectory(path);
      assertThrows(() => lockDirectory(path), Error, "another status monitor uses it");
    }
    lockDirectory(path)[Symbol.dispose]();
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});

Deno.test("lockDirectory() says which directory is missing", () => {
  assertThrows(() => lockDirectory("/no/such/directory"), Deno.errors.NotFound);
});

Deno.test("trust 9: a lock on the directory itself, which any user can take, does not block the start", () => {
  const path = Deno.makeTempDirSync();
  Deno.mkdirSync(`${path}/sm`);
  try {
    using stranger = Deno.openSync(path);
    assertEquals(stranger.tryLockSync(true), true);
    using _held = lockDirectory(path);
    assertEquals(Deno.statSync(`${path}/.statd.lock`).mode! & 0o777, 0o600);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});

Deno.test("trust 9: another kind of file in place of the lock does not block the start", async () => {
  const path = Deno.makeTempDirSync();
  const lock = `${path}/.statd.lock`;
  Deno.mkdirSync(`${path}/sm`);
  Deno.writeTextFileSync(lock, "");
  try {
    for (
      const put of [
        () => new Deno.Command("mkfifo", { args: [lock] }).output(),
        () => Deno.symlink("/dev/null", lock),
        () => Deno.mkdir(lock),
      ]
    ) {
      Deno.removeSync(lock, { recursive: true });
      await put();
      using _held = lockDirectory(path);
      assertEquals(Deno.lstatSync(lock).isFile, true);
    }
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});
