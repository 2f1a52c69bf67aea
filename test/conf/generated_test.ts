import { assertEquals, assertThrows } from "@std/assert";
import { fillIn, GENERATED } from "../documents/main.ts";

const PROJECT = new URL("../../", import.meta.url);

for (const [path, parts] of Object.entries(GENERATED)) {
  const file = new URL(path, PROJECT);
  Deno.test(`${path} follows from the settings`, { permissions: { read: [file] } }, () => {
    const document = Deno.readTextFileSync(file);
    assertEquals(document, fillIn(document, parts), "call `deno task generate`");
  });
}

const parts = { "one": () => "1\n2", "two": () => "3" };
const PLACES = `a
.\\" generated: one
old
.\\" end of one
b
<!-- generated: two -->
<!-- end of two -->
`;

Deno.test("fillIn() replaces the text between the marks", { permissions: "none" }, () => {
  const filled = PLACES.replace("old", "1\n2").replace("<!-- end", "3\n<!-- end");
  assertEquals(fillIn(PLACES, parts), filled);
  assertEquals(fillIn(filled, parts), filled);
});

Deno.test("fillIn() refuses a document without a place", { permissions: "none" }, () => {
  for (const document of ["", PLACES.replace("generated: one", ""), PLACES.replace("end of", "")]) {
    assertThrows(() => fillIn(document, parts), RangeError, 'no place for "one"');
  }
});
