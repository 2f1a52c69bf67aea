import { assertEquals } from "@std/assert";
import { putWord, XdrWriter } from "../../lib/xdr/writer.ts";
import { hex, toHex } from "../support/hex.ts";

Deno.test("XdrWriter.word() writes big-endian, modulo 2^32", { permissions: "none" }, () => {
  const writer = new XdrWriter();
  for (const value of [0, 1, 0x12345678, 0xffffffff, -1, -0x80000000]) writer.word(value);
  assertEquals(
    toHex(writer.bytes()),
    "00000000 00000001 12345678 ffffffff ffffffff 80000000",
  );
});

Deno.test(
  "XdrWriter pads with zeros, over earlier bytes",
  { permissions: "none" },
  () => {
    const writer = new XdrWriter();
    for (let i = 0; i < 4; i++) writer.word(0xffffffff);
    writer.reset();
    writer.opaque(hex("01"));
    writer.text("abcde");
    assertEquals(toHex(writer.bytes()), "01000000 61626364 65000000");
  },
);

Deno.test("XdrWriter adds no padding to a multiple of four", { permissions: "none" }, () => {
  const writer = new XdrWriter();
  writer.opaque(hex("01020304"));
  writer.opaque(hex(""));
  writer.text("");
  assertEquals(toHex(writer.bytes()), "01020304");
});

Deno.test("XdrWriter.text() writes one byte for each character", { permissions: "none" }, () => {
  const writer = new XdrWriter();
  writer.text("a\x00\x7f\x80\x9f\xff");
  assertEquals(toHex(writer.bytes()), "61007f80 9fff0000");
});

Deno.test("XdrWriter grows without losing anything", { permissions: "none" }, () => {
  const writer = new XdrWriter();
  for (let i = 0; i < 1000; i++) writer.word(i);
  writer.opaque(new Uint8Array(100_000).fill(7));
  const bytes = writer.bytes();
  const view = new DataView(bytes.buffer);
  assertEquals(bytes.length, 104_000);
  assertEquals(writer.length, 104_000);
  for (let i = 0; i < 1000; i++) assertEquals(view.getUint32(4 * i), i);
  assertEquals(bytes.subarray(4000).every((byte) => byte === 7), true);
});

Deno.test(
  "XdrWriter.bytes() is unaffected by later writes",
  { permissions: "none" },
  () => {
    const writer = new XdrWriter();
    writer.word(1);
    const bytes = writer.bytes();
    writer.reset();
    writer.word(2);
    assertEquals(toHex(bytes), "00000001");
    assertEquals(toHex(writer.bytes()), "00000002");
  },
);

Deno.test(
  "XdrWriter.view() shows the written bytes without a copy",
  { permissions: "none" },
  () => {
    const writer = new XdrWriter();
    writer.word(1);
    const view = writer.view();
    assertEquals(toHex(view), "00000001");
    writer.reset();
    writer.word(2);
    assertEquals(toHex(view), "00000002");
  },
);

Deno.test("putWord() overwrites exactly four bytes", { permissions: "none" }, () => {
  const bytes = hex("01020304 05060708");
  putWord(bytes, 2, 0xfedcba98);
  assertEquals(toHex(bytes), "0102fedc ba980708");
});
