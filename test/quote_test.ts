import { assertEquals, assertMatch } from "@std/assert";
import { asciiJson, quote } from "../lib/quote.ts";

const pure = { permissions: "none" } as const;

Deno.test("quote() puts printable text in quotes, unchanged", pure, () => {
  assertEquals(quote("nodeb.example.net"), '"nodeb.example.net"');
});

Deno.test(
  "quote() escapes characters that could forge a line, a colour or the end of the quotes",
  pure,
  () => {
    assertEquals(quote('a\nb\x1b[31m"\\\x00\xe9'), '"a\\x0ab\\x1b[31m\\x22\\x5c\\x00\\xe9"');
    assertEquals(quote("\u2028"), '"\\u{2028}"');
  },
);

Deno.test("quote() cuts long text, and marks the cut", pure, () => {
  assertEquals(quote("x".repeat(1024)), `"${"x".repeat(256)}"…`);
});

Deno.test("trust 19: asciiJson() is printable ASCII, and reads as the same value", () => {
  const value = { name: "a\x1b[2J\x7f\x85\x9b31m\u202e\u{1f600}\ud800", list: [1, null, "é"] };
  const text = asciiJson(value);
  assertMatch(text, /^[\x20-\x7e]+$/);
  assertEquals(JSON.parse(text), value);
});
