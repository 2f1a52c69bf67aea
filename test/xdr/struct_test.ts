import { assertEquals, assertThrows } from "@std/assert";
import { XdrError } from "../../lib/xdr/errors.ts";
import { struct } from "../../lib/xdr/struct.ts";
import {
  fromBytes,
  int,
  nothing,
  opaque,
  string,
  toBytes,
  type XdrType,
} from "../../lib/xdr/types.ts";
import { hex, toHex } from "../support/hex.ts";

const inner = struct("inner", { name: string(4), number: int });
const outer = struct("outer", { first: inner, priv: opaque(2) });
const value = { first: { name: "abc", number: -2 }, priv: hex("0102") };
const digits = "00000003 61626300 fffffffe 01020000";

Deno.test("struct() has its fields in the order declared", { permissions: "none" }, () => {
  assertEquals(toHex(toBytes(outer, value)), digits);
  const shuffled = { priv: value.priv, first: { number: -2, name: "abc" } };
  assertEquals(toHex(toBytes(outer, shuffled)), digits);
  const decoded = fromBytes(outer, hex(digits));
  assertEquals(decoded, value);
  assertEquals(Object.keys(decoded), ["first", "priv"]);
});

Deno.test(
  "struct() names the path to the field that fails to decode",
  { permissions: "none" },
  () => {
    const error = assertThrows(() => fromBytes(outer, hex("00000005")), XdrError);
    assertEquals(error.path, ["first", "name"]);
    assertEquals([error.type, error.offset], ["string<4>", 0]);
    assertEquals(
      error.message,
      "Cannot decode first.name (string<4>) at offset 0: length 5 is above the maximum 4",
    );
  },
);

Deno.test(
  "struct() names the path to the field that fails to encode",
  { permissions: "none" },
  () => {
    const wrong = { ...value, first: { name: "abc", number: 0.5 } };
    const error = assertThrows(() => toBytes(outer, wrong), XdrError);
    assertEquals([error.path, error.type, error.offset], [["first", "number"], "int", 8]);
  },
);

Deno.test("struct() passes on other errors than XDR's", { permissions: "none" }, () => {
  const broken: XdrType<void> = {
    label: "broken",
    decode() {
      throw new TypeError("a bug");
    },
    encode() {
      throw new TypeError("a bug");
    },
  };
  const type = struct("s", { broken });
  assertThrows(() => fromBytes(type, hex("")), TypeError, "a bug");
  assertThrows(() => toBytes(type, { broken: undefined }), TypeError, "a bug");
});

Deno.test("struct() without fields takes no bytes", { permissions: "none" }, () => {
  assertEquals(toBytes(struct("empty", {}), {}), hex(""));
  assertEquals(fromBytes(struct("empty", { none: nothing }), hex("")), { none: undefined });
});
