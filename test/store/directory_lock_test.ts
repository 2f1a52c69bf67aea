import { assertThrows } from "@std/assert";
import { lockDirectory } from "../../lib/store/directory_lock.ts";

Deno.test("lockDirectory() lets one in, and the next when it is gone", () => {
  const path = Deno.makeTempDirSync();
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
