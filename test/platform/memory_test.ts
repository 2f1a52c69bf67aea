import "../support/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { giveBackMemory, unmapperOfCode } from "../../lib/platform/memory.ts";
import { v8Flags } from "../support/v8_flags.ts";

/**
 * Garbage of 50,000 short-lived records, which take some 17 MB: the amount in use at the last minor
 * collection.
 */
const GARBAGE_MAX_BYTES = 1_500_000;
/** Garbage of 50,000 queued peers; 20 MB if the queue's maps are kept. */
const QUEUE_MAX_BYTES = 6_000_000;

Deno.test("giveBackMemory() collects unreferenced objects", {
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

Deno.test("unmapperOfCode() unmaps code, and the program goes on", () => {
  const unmap = unmapperOfCode();
  const before = residentCode();
  unmap();
  const after = residentCode();
  assert(after < before, `${before} ${after}`);
});

/** Resident pages of executable mappings, in KiB, from proc_pid_smaps(5). */
function residentCode(): number {
  const smaps = Deno.readTextFileSync("/proc/self/smaps");
  const ofCode = smaps.matchAll(/^\S+ r-xp .*\n(?:[A-Z].*\n)*?Rss: +(\d+) kB$/gm);
  return ofCode.reduce((sum, [, kib]) => sum + Number(kib), 0);
}

/**
 * Heap growth that a program of test/support prints, with the product's flags, and its second
 * number.
 */
async function grownBy(name: string): Promise<readonly number[]> {
  const program = new URL(`../support/${name}`, import.meta.url).pathname;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", v8Flags(), program],
  }).output();
  assertEquals(code, 0);
  return new TextDecoder().decode(stdout).split(" ").map(Number);
}

Deno.test("short-lived records do not need a full collection, however many objects are kept", async () => {
  const [grown, kept] = await grownBy("old_space_program.ts");
  assertEquals(kept, 50_000);
  assert(grown! < GARBAGE_MAX_BYTES, `${grown} bytes of garbage are left`);
});

Deno.test("acceptance 14: the queue of 50,000 peers to a ledger leaves little for a full collection", async () => {
  const [grown, left] = await grownBy("recordings_program.ts");
  assertEquals(left, 0);
  assert(grown! < QUEUE_MAX_BYTES, `${grown} bytes of garbage are left`);
});
