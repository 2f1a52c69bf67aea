import { assertEquals, assertThrows } from "@std/assert";
import { XdrError } from "../../lib/xdr/errors.ts";
import { fixedArray, linkedList } from "../../lib/xdr/list.ts";
import { fromBytes, toBytes, uint } from "../../lib/xdr/types.ts";
import { hex, toHex } from "../support/hex.ts";

const pure = { permissions: "none" } as const;

Deno.test("fixedArray() has its values without a length, and refuses another number", pure, () => {
  const pair = fixedArray(uint, 2);
  assertEquals(toHex(toBytes(pair, [1, 2])), "00000001 00000002");
  assertEquals(fromBytes(pair, hex("00000001 00000002")), [1, 2]);
  assertThrows(() => toBytes(pair, [1]), XdrError, "the length is 1");
});

Deno.test(
  "linkedList() has TRUE before each value, and refuses one above its maximum",
  pure,
  () => {
    const list = linkedList(uint, 2);
    assertEquals(toHex(toBytes(list, [7])), "00000001 00000007 00000000");
    assertEquals(fromBytes(list, hex("00000001 00000007 00000001 00000008 00000000")), [7, 8]);
    assertThrows(() => toBytes(list, [1, 2, 3]), XdrError, "it has more than 2 values");
    const three = hex("00000001 00000007 00000001 00000008 00000001 00000009 00000000");
    assertThrows(() => fromBytes(list, three), XdrError, "it has more than 2 values");
  },
);
