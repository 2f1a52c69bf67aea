import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { giveBackMemory } from "../../lib/platform/memory.ts";
import { v8Flags } from "../support/v8_flags.ts";

/** Of 50,000 short-lived records, which take some 17 MB: what was in use when the last minor collection came. */
const GARBAGE_MAX_BYTES = 1_500_000;

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

Deno.test("records that are garbage at once are not collected only by a full collection, whatever the start has kept", async () => {
  const program = new URL("../support/old_space_program.ts", import.meta.url).pathname;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", v8Flags(), program],
  }).output();
  const [grown, kept] = new TextDecoder().decode(stdout).split(" ").map(Number);
  assertEquals([code, kept], [0, 50_000]);
  assert(grown! < GARBAGE_MAX_BYTES, `${grown} bytes of garbage are left`);
});
