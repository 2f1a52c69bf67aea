import { assertEquals, assertThrows } from "@std/assert";
import { Ledger } from "../support/ledger.ts";
import { Disk } from "./disk.ts";

const SECTOR = 512;

Deno.test("a power cut keeps flushed data, and any sectors of the rest", async () => {
  const image = await Deno.makeTempFile();
  await Deno.truncate(image, 1 << 20);
  const before = await Disk.load(image);
  await Deno.remove(image);
  const disk = before.copy();
  disk.isLogged = true;
  disk.write(0, new Uint8Array(2 * SECTOR).fill(1));
  disk.happen({ kind: "flushed", upTo: disk.log.length });
  disk.write(SECTOR, new Uint8Array(2 * SECTOR).fill(2));
  const sectors = (events: number, kept: boolean[]) => {
    const left = before.after(disk.log, events, {
      isKept: () => kept.shift()!,
      pieceBytes: SECTOR,
    });
    const bytes = new Uint8Array(3 * SECTOR);
    left.read(0, bytes);
    return [bytes[0], bytes[SECTOR], bytes[2 * SECTOR]];
  };
  assertEquals(sectors(0, []), [0, 0, 0]);
  assertEquals(sectors(1, [false, true]), [0, 1, 0]);
  assertEquals(sectors(2, []), [1, 1, 0]);
  assertEquals(sectors(3, [false, true]), [1, 1, 2]);
  assertEquals(sectors(3, [true, false]), [1, 2, 0]);
});

Deno.test("a removal may be undone for a second, and then is no loss", () => {
  const priv = "1".repeat(32);
  const files = new Map([["a", `0100007f 000186b5 00000003 00000010 ${priv} a us\n`]]);
  const ledger = new Ledger();
  ledger.begin("a/us", priv);
  ledger.end("a/us", 100);
  ledger.begin("a/us", "-");
  ledger.end("a/us", 200);
  const seen = (now: number) => ledger.compare(files, { now, graceMs: 1000 }).resurrected.length;
  assertEquals([seen(1199), seen(1200)], [0, 1]);
  assertEquals(ledger.copy().compare(files).resurrected.length, 1);
  assertThrows(() => ledger.end("a/us"));
});
