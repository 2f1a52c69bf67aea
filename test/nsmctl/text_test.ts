import { assertEquals } from "@std/assert";
import { filled } from "../../lib/config/help_text.ts";
import { ageText, jsonLine, jsonText, parseAge, shown, spanText } from "../../lib/nsmctl/text.ts";

const pure = { permissions: "none" } as const;

Deno.test("spanText() shows the two largest units", pure, () => {
  const spans: readonly [number, string][] = [
    [0, "0 s"],
    [400, "0 s"],
    [59_000, "59 s"],
    [61_000, "1 min 1 s"],
    [3_600_000, "1 h"],
    [3_725_000, "1 h 2 min"],
    [2 * 86_400_000 + 3 * 3_600_000 + 5_000, "2 d 3 h"],
    [-5, "0 s"],
  ];
  for (const [ms, text] of spans) assertEquals(spanText(ms), text);
});

Deno.test("operator D4: ageText() shows no age for an implausible time", pure, () => {
  const now = Date.UTC(2026, 10, 26);
  assertEquals(ageText(undefined, now), "");
  assertEquals(ageText(now - 61_000, now), "1 min");
  assertEquals(ageText(now + 59_000, now), "0 s", "clocks of file servers differ a little");
  assertEquals(ageText(now + 61_000, now), "?");
  assertEquals(ageText(1_000, now), "?", "a board without a battery");
});

Deno.test("filled() breaks lines between words, and begins them below each other", pure, () => {
  const text = "one two three four five six";
  assertEquals(filled(text, Number.MAX_SAFE_INTEGER, 4), text);
  assertEquals(filled(text, 26, 4), "one two three four\n    five six");
  assertEquals(filled(text, 22, 2), "one two three four\n  five six");
  assertEquals(filled("x".repeat(30), 24, 2), "x".repeat(30));
  assertEquals(filled("", 24, 2), "");
});

Deno.test("filled() does not make columns of single words on the narrowest terminal", pure, () => {
  assertEquals(filled("one two three four", 10, 8), "one two three four");
});

Deno.test("parseAge() reads numbers with a unit, and nothing else", pure, () => {
  assertEquals(parseAge("30d"), 30 * 86_400_000);
  assertEquals(parseAge("90min"), 90 * 60_000);
  assertEquals(parseAge("2w"), 14 * 86_400_000);
  for (const text of ["", "30", "d", "-1d", "1.5h", "1y", "1234567d", "1d2h"]) {
    assertEquals(parseAge(text), undefined, text);
  }
});

Deno.test("shown() quotes only deceptive text", pure, () => {
  assertEquals(shown("host.example.net"), "host.example.net");
  assertEquals(shown("fe80::1%eth0"), "fe80::1%eth0");
  assertEquals(shown(""), '""');
  assertEquals(shown("a b"), '"a b"');
  assertEquals(shown("a\x1b[2J\n"), '"a\\x1b[2J\\x0a"');
});

Deno.test("trust 19: jsonText() and jsonLine() are printable ASCII", pure, () => {
  // As UTF-8, U+00DB has the byte 9b, which a terminal of 8 bits takes for CSI.
  const [text, json] = ["\x9b\x1b\x7f\u202e\xdb", '"\\u009b\\u001b\\u007f\\u202e\\u00db"'];
  assertEquals([jsonText([text]), jsonLine(text)], [`[\n  ${json}\n]\n`, `${json}\n`]);
});
