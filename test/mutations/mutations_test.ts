/** Mutations and reversals name lines of the program, which change. */

import { assertEquals } from "@std/assert";
import { REVERSALS } from "../simulation/reversals.ts";
import { MUTATIONS } from "./mutations.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("each mutation and each reversal changes a text that its file has once", () => {
  const changes = [...MUTATIONS, ...REVERSALS.flatMap(({ changes }) => changes)];
  const failed = changes.filter(({ file, from, to }) => {
    const parts = Deno.readTextFileSync(`${ROOT}/${file}`).split(from);
    return parts.length !== 2 || parts.join(to) === parts.join(from);
  });
  assertEquals(failed.map(({ file, from }) => `${file}: ${from}`), []);
});
