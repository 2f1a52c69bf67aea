import { assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import { XdrError } from "../../lib/xdr/errors.ts";
import { padded, XdrReader } from "../../lib/xdr/reader.ts";
import { hex } from "../support/hex.ts";

Deno.test("XdrReader.int() reads a big-endian signed word", { permissions: "none" }, () => {
  const reader = new XdrReader(hex("00000000 00000001 7fffffff 80000000 ffffffff 12345678"));
  const values = Array.from({ length: 6 }, () => reader.int("int"));
  assertEquals(values, [0, 1, 0x7fffffff, -0x80000000, -1, 0x12345678]);
});

Deno.test("XdrReader.uint() reads a big-endian unsigned word", { permissions: "none" }, () => {
  const reader = new XdrReader(hex("00000000 7fffffff 80000000 ffffffff"));
  const values = Array.from({ length: 4 }, () => reader.uint("unsigned int"));
  assertEquals(values, [0, 0x7fffffff, 0x80000000, 0xffffffff]);
});

Deno.test("XdrReader counts the bytes read and those left", { permissions: "none" }, () => {
  const reader = new XdrReader(hex("00000001 61620000 00"));
  assertEquals([reader.offset, reader.remaining], [0, 9]);
  reader.int("int");
  assertEquals([reader.offset, reader.remaining], [4, 5]);
  reader.text(2, "string<8>");
  assertEquals([reader.offset, reader.remaining], [8, 1]);
});

Deno.test("XdrReader reads a view from its first byte on", { permissions: "none" }, () => {
  const reader = new XdrReader(hex("ffffffff 00000005 ffffffff").subarray(4, 8));
  assertEquals(reader.int("int"), 5);
  assertEquals(reader.remaining, 0);
});

Deno.test("XdrReader.skipZeros() skips all or nothing", { permissions: "none" }, () => {
  const reader = new XdrReader(hex("00000000 00000000 00000001 0000"));
  const skipped = [8, 4, 12].map((length) => [reader.skipZeros(length), reader.offset]);
  assertEquals(skipped, [[true, 8], [false, 8], [false, 8]]);
  reader.int("int");
  assertEquals([reader.skipZeros(4), reader.skipZeros(2), reader.remaining], [false, true, 0]);
});

Deno.test("XdrReader refuses short input and stays where it was", { permissions: "none" }, () => {
  const short = new XdrReader(hex("00000001 000002"));
  short.int("int");
  const attempts = [
    () => short.int("int"),
    () => short.uint("int"),
    () => short.opaque(1, "int"),
    () => short.text(3, "int"),
  ];
  for (const attempt of attempts) {
    const error = assertThrows(attempt, XdrError, "at offset 4: 4 bytes needed, 3 left");
    assertEquals([error.operation, error.type, error.offset], ["decode", "int", 4]);
    assertEquals(short.offset, 4);
  }
});

Deno.test(
  "XdrReader refuses a length near 2^32 without reserving it",
  { permissions: "none" },
  () => {
    const reader = new XdrReader(hex("61626364"));
    assertThrows(() => reader.opaque(0xffffffff, "opaque<>"), XdrError, "4294967296 bytes needed");
    assertThrows(() => reader.text(0xffffffff, "string<>"), XdrError, "4294967296 bytes needed");
  },
);

Deno.test("XdrReader.opaque() returns a copy", { permissions: "none" }, () => {
  const received = hex("01020304");
  const value = new XdrReader(received).opaque(4, "opaque[4]");
  received.fill(0xff);
  assertEquals(value, hex("01020304"));
  assertNotStrictEquals(value.buffer, received.buffer);
});

Deno.test(
  "XdrReader.opaque() skips padding with any contents",
  { permissions: "none" },
  () => {
    const reader = new XdrReader(hex("0102aabb 00000007"));
    assertEquals(reader.opaque(2, "opaque[2]"), hex("0102"));
    assertEquals(reader.int("int"), 7);
  },
);

Deno.test("XdrReader.opaque() of no bytes takes none", { permissions: "none" }, () => {
  const reader = new XdrReader(hex(""));
  assertEquals(reader.opaque(0, "opaque[0]"), new Uint8Array(0));
  assertEquals(reader.text(0, "string<8>"), "");
  assertEquals(reader.offset, 0);
});

Deno.test("XdrReader.text() makes one character of each byte", { permissions: "none" }, () => {
  const reader = new XdrReader(hex("61007f80 9fc3a9ff"));
  assertEquals(reader.text(8, "string<8>"), "a\x00\x7f\x80\x9f\xc3\xa9\xff");
});

Deno.test("padded() rounds up to four bytes", { permissions: "none" }, () => {
  assertEquals([0, 1, 3, 4, 5, 0xffffffff].map(padded), [0, 4, 4, 4, 8, 0x100000000]);
});
