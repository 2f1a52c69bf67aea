import { assertEquals } from "@std/assert";
import { coloursFor, harmless } from "../../lib/nsmctl/terminal.ts";
import { shellWord } from "../../lib/doctor/remedies.ts";

Deno.test("trust 19: a terminal gets no control characters but line feeds and our colours", {
  permissions: "none",
}, () => {
  const own = `${coloursFor(true).bad("wrong")}\n\n${coloursFor(true).faint("é …")}\n`;
  assertEquals(harmless(own), own);
  assertEquals(
    harmless("a\x1b[2Jb\x9b31mc\rd\x1b[8me\u202ef"),
    "a\\x1b[2Jb\\x9b31mc\\x0dd\\x1b[8me\\u{202e}f",
  );
});

Deno.test("trust 19: shellWord() writes control characters as escapes for the shell", {
  permissions: "none",
}, () => {
  const words = ["/a/b", "a b", "it's", "a\n'b\\\x9b"].map(shellWord);
  assertEquals(words, ["/a/b", "'a b'", "'it'\\''s'", "$'a\\u000a\\'b\\\\\\u009b'"]);
});
