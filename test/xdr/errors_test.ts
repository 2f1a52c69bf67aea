import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { inside, XdrError } from "../../lib/xdr/errors.ts";

Deno.test("XdrError names type, path and reason", { permissions: "none" }, () => {
  const error = new XdrError("decode", "string<8>", 12, "length 9 is above the maximum 8");
  assertInstanceOf(error, RangeError);
  assertEquals(error.name, "XdrError");
  assertEquals(error.path, []);
  assertEquals(
    error.message,
    "Cannot decode string<8> at offset 12: length 9 is above the maximum 8",
  );
});

Deno.test(
  "XdrError.inside() puts the outer field before the inner one",
  { permissions: "none" },
  () => {
    const error = new XdrError("encode", "int", 4, "1.5 is not in 0..1");
    error.inside("inner").inside("outer");
    assertEquals(error.path, ["outer", "inner"]);
    assertEquals(error.message, "Cannot encode outer.inner (int) at offset 4: 1.5 is not in 0..1");
  },
);

Deno.test("inside() leaves other errors than XDR's alone", { permissions: "none" }, () => {
  const bug = new TypeError("a bug");
  assertStrictEquals(inside("field", bug), bug);
  assertEquals(bug.message, "a bug");
});
