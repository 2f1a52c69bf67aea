import { assertEquals } from "@std/assert";
import { mdocArgument, mdocText } from "./mdoc.ts";

const pure = { permissions: "none" } as const;

Deno.test("mdocText() begins each sentence on a new line", pure, () => {
  assertEquals(mdocText("One. Two! Three, e.g. four."), "One.\nTwo!\nThree, e.g. four.");
});

Deno.test("mdocText() breaks long lines between words", pure, () => {
  const lines = mdocText("word ".repeat(40).trim()).split("\n");
  assertEquals(lines.join(" "), "word ".repeat(40).trim());
  assertEquals(lines.map(({ length }) => length), [79, 79, 39]);
});

Deno.test("mdocText() keeps signs, and keeps off requests", pure, () => {
  assertEquals(mdocText("with --foreground or -1"), "with \\-\\-foreground or \\-1");
  assertEquals(mdocText("re-read"), "re-read");
  assertEquals(mdocText(".Nm"), "\\&.Nm");
  assertEquals(mdocText("a\\b"), "a\\eb");
});

Deno.test("mdocArgument() is one argument without a meaning", pure, () => {
  assertEquals(mdocArgument("?"), "\\&?");
  assertEquals(mdocArgument("Ar"), "\\&Ar");
  assertEquals(mdocArgument("Are"), "Are");
  assertEquals(mdocArgument("a b"), '"a b"');
  assertEquals(mdocArgument('"'), "\\(dq");
  assertEquals(mdocArgument(""), '""');
});
