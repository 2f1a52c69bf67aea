/**
 * Static types derived from XDR types. The test is that these lines compile, and that the marked
 * ones do not; `deno check` and `deno test` both check that.
 */

import { struct } from "../../lib/xdr/struct.ts";
import {
  bool,
  enumeration,
  int,
  nothing,
  opaque,
  type Static,
  string,
  varArray,
  varOpaque,
  type XdrType,
} from "../../lib/xdr/types.ts";
import { union } from "../../lib/xdr/union.ts";

/** Compiles only if both types are equal. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
function same<A, B>(_: Same<A, B>): void {}

const color = enumeration("color", { RED: 2, BLUE: 5 });
const inner = struct("inner", { name: string(8), gids: varArray(int, 4) });
const outer = struct("outer", { inner, color, flag: bool, priv: opaque(16), rest: varOpaque(8) });
const answer = union("answer", "stat", { 0: nothing, 1: inner });

Deno.test("Static reads the value's type from the XDR type", { permissions: "none" }, () => {
  same<Static<typeof int>, number>(true);
  same<Static<typeof bool>, boolean>(true);
  same<Static<typeof nothing>, void>(true);
  same<Static<typeof color>, 2 | 5>(true);
  same<Static<typeof inner>, { name: string; gids: number[] }>(true);
  same<Static<typeof outer>["inner"], Static<typeof inner>>(true);
  same<Static<typeof outer>["priv"], Uint8Array>(true);
  same<
    Static<typeof answer>,
    { stat: 0; body: void } | { stat: 1; body: { name: string; gids: number[] } }
  >(true);
  // @ts-expect-error: a number is not a string
  same<Static<typeof int>, string>(true);
});

Deno.test("a table may hold any XDR type as XdrType<unknown>", { permissions: "none" }, () => {
  const table: Record<string, XdrType<unknown>> = { int, nothing, outer, answer, color };
  void table;
});

Deno.test("struct() values must have every field, with its type", { permissions: "none" }, () => {
  type Inner = Static<typeof inner>;
  const good: Inner = { name: "a", gids: [1] };
  // @ts-expect-error: gids is missing
  const missing: Inner = { name: "a" };
  // @ts-expect-error: name is not a number
  const wrong: Inner = { name: 1, gids: [] };
  // @ts-expect-error: there is no such field
  const surplus: Inner = { name: "a", gids: [], uid: 0 };
  void [good, missing, wrong, surplus];
});

Deno.test("enumeration() values are the listed numbers only", { permissions: "none" }, () => {
  const good: Static<typeof color> = 5;
  // @ts-expect-error: 4 is not listed
  const wrong: Static<typeof color> = 4;
  void [good, wrong];
});

Deno.test("union() bodies belong to their discriminant", { permissions: "none" }, () => {
  type Answer = Static<typeof answer>;
  const good: Answer = { stat: 1, body: { name: "a", gids: [] } };
  // @ts-expect-error: arm 0 has no body
  const wrongBody: Answer = { stat: 0, body: { name: "a", gids: [] } };
  // @ts-expect-error: there is no arm 2
  const wrongArm: Answer = { stat: 2, body: undefined };
  const narrowed = (value: Answer) => value.stat === 1 ? value.body.name : value.body;
  void [good, wrongBody, wrongArm, narrowed];
});
