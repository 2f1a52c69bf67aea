import { assertEquals, assertThrows } from "@std/assert";
import { XdrError } from "../../lib/xdr/errors.ts";
import { struct } from "../../lib/xdr/struct.ts";
import { fromBytes, int, nothing, toBytes, type XdrType } from "../../lib/xdr/types.ts";
import { union } from "../../lib/xdr/union.ts";
import { hex, toHex } from "../support/hex.ts";

const pair = struct("pair", { low: int, high: int });
const answer = union("answer", "stat", { 0: nothing, 2: pair });

Deno.test("union() selects the body by the discriminant", { permissions: "none" }, () => {
  const cases = [
    [{ stat: 0, body: undefined }, "00000000"],
    [{ stat: 2, body: { low: 1, high: 3 } }, "00000002 00000001 00000003"],
  ] as const;
  for (const [value, digits] of cases) {
    assertEquals(toHex(toBytes(answer, value)), digits);
    assertEquals(fromBytes(answer, hex(digits)), value);
  }
});

Deno.test("union() refuses a discriminant without an arm", { permissions: "none" }, () => {
  const reason = "union answer at offset 0: there is no arm for stat 1";
  const loose = answer as XdrType<unknown>;
  assertThrows(() => fromBytes(answer, hex("00000001")), XdrError, `Cannot decode ${reason}`);
  assertThrows(() => toBytes(loose, { stat: 1 }), XdrError, `Cannot encode ${reason}`);
  // Names that every object has are no arms either.
  assertThrows(() => toBytes(loose, { stat: "toString" }), XdrError, "there is no arm");
});

Deno.test("union() names the path into the body", { permissions: "none" }, () => {
  const short = hex("00000002 00000001");
  const error = assertThrows(() => fromBytes(answer, short), XdrError);
  assertEquals([error.path, error.offset], [["body", "high"], 8]);
  const wrong = { stat: 2, body: { low: 1.5, high: 0 } } as const;
  assertEquals(assertThrows(() => toBytes(answer, wrong), XdrError).path, ["body", "low"]);
});
