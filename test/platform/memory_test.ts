import "../support/open_libc.ts";
import { assert } from "@std/assert";
import { giveBackMemory } from "../../lib/platform/memory.ts";

Deno.test("giveBackMemory() collects what nothing refers to any more", {
  ignore: !("gc" in globalThis),
}, () => {
  let garbage: Uint8Array[] | undefined = Array.from(
    { length: 1000 },
    () => new Uint8Array(10_000),
  );
  const gone = new WeakRef(garbage);
  assert(gone.deref() === garbage);
  garbage = undefined;
  const before = Deno.memoryUsage();
  giveBackMemory();
  const after = Deno.memoryUsage();
  assert(after.external < before.external, `${before.external} ${after.external}`);
});
