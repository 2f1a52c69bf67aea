import { assertEquals, assertThrows } from "@std/assert";
import { XdrError } from "../../lib/xdr/errors.ts";
import {
  bool,
  enumeration,
  fromBytes,
  int,
  nothing,
  opaque,
  string,
  toBytes,
  uint,
  varArray,
  varOpaque,
  type XdrType,
} from "../../lib/xdr/types.ts";
import { hex, toHex } from "../support/hex.ts";

const Color = { RED: 2, YELLOW: 3, BLUE: -5 } as const;

/** The bytes decode to the value and the value encodes to the bytes. */
function assertBothWays<T>(type: XdrType<T>, value: T, digits: string): void {
  assertEquals(toHex(toBytes(type, value)), digits);
  assertEquals(fromBytes(type, hex(digits)), value);
}

Deno.test("int accepts every signed word", { permissions: "none" }, () => {
  assertBothWays(int, 0, "00000000");
  assertBothWays(int, 259, "00000103");
  assertBothWays(int, -1, "ffffffff");
  assertBothWays(int, 0x7fffffff, "7fffffff");
  assertBothWays(int, -0x80000000, "80000000");
});

Deno.test("int refuses to encode other values", { permissions: "none" }, () => {
  for (const value of [0x80000000, -0x80000001, 1.5, NaN, Infinity]) {
    assertThrows(() => toBytes(int, value), XdrError, "is not in -2147483648..2147483647");
  }
});

Deno.test("uint accepts every unsigned word", { permissions: "none" }, () => {
  assertBothWays(uint, 0, "00000000");
  assertBothWays(uint, 0x80000000, "80000000");
  assertBothWays(uint, 0xffffffff, "ffffffff");
});

Deno.test("uint refuses to encode other values", { permissions: "none" }, () => {
  for (const value of [-1, 0x100000000, 0.5, NaN]) {
    assertThrows(() => toBytes(uint, value), XdrError, "is not in 0..4294967295");
  }
});

Deno.test("bool is 0 or 1", { permissions: "none" }, () => {
  assertBothWays(bool, false, "00000000");
  assertBothWays(bool, true, "00000001");
});

Deno.test("bool refuses any other number", { permissions: "none" }, () => {
  for (const digits of ["00000002", "01000000", "ffffffff"]) {
    assertThrows(() => fromBytes(bool, hex(digits)), XdrError, "is neither 0 nor 1");
  }
});

Deno.test("nothing takes no bytes", { permissions: "none" }, () => {
  assertBothWays(nothing, undefined, "");
  assertEquals(fromBytes(nothing, hex("00000001")), undefined);
});

Deno.test("enumeration() accepts the listed values", { permissions: "none" }, () => {
  assertBothWays(enumeration("color", Color), 2, "00000002");
  assertBothWays(enumeration("color", Color), -5, "fffffffb");
});

Deno.test("enumeration() refuses a value that is not listed", { permissions: "none" }, () => {
  const color: XdrType<number> = enumeration("color", Color);
  const reason = "enum color at offset 0: 4 is not one of its values";
  assertThrows(() => fromBytes(color, hex("00000004")), XdrError, `Cannot decode ${reason}`);
  assertThrows(() => toBytes(color, 4), XdrError, `Cannot encode ${reason}`);
});

Deno.test("opaque() has no length word", { permissions: "none" }, () => {
  assertBothWays(opaque(3), hex("010203"), "01020300");
  assertBothWays(opaque(4), hex("01020304"), "01020304");
  assertBothWays(opaque(0), hex(""), "");
});

Deno.test("opaque() refuses another length", { permissions: "none" }, () => {
  assertThrows(() => toBytes(opaque(4), hex("010203")), XdrError, "the length is 3");
  assertThrows(() => toBytes(opaque(4), hex("0102030405")), XdrError, "the length is 5");
  assertThrows(() => fromBytes(opaque(5), hex("01020304 05")), XdrError, "8 bytes needed, 5 left");
});

Deno.test("varOpaque() accepts lengths up to its maximum", { permissions: "none" }, () => {
  assertBothWays(varOpaque(5), hex(""), "00000000");
  assertBothWays(varOpaque(5), hex("0102"), "00000002 01020000");
  assertBothWays(varOpaque(5), hex("0102030405"), "00000005 01020304 05000000");
});

Deno.test("varOpaque() refuses a length above its maximum", { permissions: "none" }, () => {
  const reason = "opaque<5> at offset 0: length 6 is above the maximum 5";
  const six = hex("010203040506");
  assertThrows(() => toBytes(varOpaque(5), six), XdrError, `Cannot encode ${reason}`);
  const encoded = hex("00000006 01020304 05060000");
  assertThrows(() => fromBytes(varOpaque(5), encoded), XdrError, `Cannot decode ${reason}`);
});

Deno.test("varOpaque() checks the maximum before the bytes", { permissions: "none" }, () => {
  assertThrows(
    () => fromBytes(varOpaque(400), hex("ffffffff")),
    XdrError,
    "length 4294967295 is above the maximum 400",
  );
});

Deno.test("string() accepts lengths up to its maximum", { permissions: "none" }, () => {
  assertBothWays(string(8), "", "00000000");
  assertBothWays(string(8), "sillypro", "00000008 73696c6c 7970726f");
  assertBothWays(string(8), "lisp", "00000004 6c697370");
});

Deno.test("string() returns every byte unchanged", { permissions: "none" }, () => {
  const every = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  const bytes = toBytes(string(256), every);
  assertEquals(bytes, new Uint8Array([0, 0, 1, 0, ...Array.from({ length: 256 }, (_, i) => i)]));
  assertEquals(fromBytes(string(256), bytes), every);
});

Deno.test("string() refuses a length above its maximum", { permissions: "none" }, () => {
  const reason = "string<3> at offset 0: length 4 is above the maximum 3";
  assertThrows(() => toBytes(string(3), "lisp"), XdrError, `Cannot encode ${reason}`);
  assertThrows(
    () => fromBytes(string(3), hex("00000004 6c697370")),
    XdrError,
    `Cannot decode ${reason}`,
  );
});

Deno.test("string() refuses to encode characters above U+00FF", { permissions: "none" }, () => {
  assertThrows(() => toBytes(string(8), "a\u0100"), XdrError, "character 1 is above U+00FF");
  assertThrows(() => toBytes(string(8), "\u{1f600}"), XdrError, "character 0 is above U+00FF");
});

Deno.test("string() refuses a length without its bytes", { permissions: "none" }, () => {
  assertThrows(() => fromBytes(string(8), hex("00000004 6c6973")), XdrError, "4 bytes needed");
  assertThrows(() => fromBytes(string(8), hex("00000001 6c")), XdrError, "4 bytes needed, 1 left");
  assertThrows(() => fromBytes(string(8), hex("0000")), XdrError, "4 bytes needed, 2 left");
});

Deno.test("varArray() accepts lengths up to its maximum", { permissions: "none" }, () => {
  assertBothWays(varArray(uint, 3), [], "00000000");
  assertBothWays(varArray(uint, 3), [7, 8, 9], "00000003 00000007 00000008 00000009");
  assertBothWays(varArray(string(4), 3), ["a", ""], "00000002 00000001 61000000 00000000");
});

Deno.test("varArray() refuses a length above its maximum", { permissions: "none" }, () => {
  const gids = varArray(uint, 2);
  const reason = "unsigned int<2> at offset 0: length 3 is above the maximum 2";
  assertThrows(() => toBytes(gids, [1, 2, 3]), XdrError, `Cannot encode ${reason}`);
  assertThrows(() => fromBytes(gids, hex("00000003")), XdrError, `Cannot decode ${reason}`);
});

Deno.test("varArray() names the element at fault", { permissions: "none" }, () => {
  const gids = varArray(uint, 2);
  assertThrows(() => toBytes(gids, [1, -1]), XdrError, "Cannot encode [1] (unsigned int)");
  const short = hex("00000002 00000001 0000");
  const error = assertThrows(() => fromBytes(gids, short), XdrError, "Cannot decode [1]");
  assertEquals([error.path, error.offset], [["[1]"], 8]);
});

Deno.test("fromBytes() ignores trailing bytes", { permissions: "none" }, () => {
  assertEquals(fromBytes(int, hex("00000001 ffffffff")), 1);
});
