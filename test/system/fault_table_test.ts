/** Table of faults in faults.md: complete, and every test named there exists. */

import { assert, assertEquals } from "@std/assert";

const FEWEST_ROWS = 35;
const COLUMNS = 6;
const TABLE = new URL("faults.md", import.meta.url);
const TESTS = new URL("../", import.meta.url);

/** Cells of each row, without heads and rules. */
function rows(): string[][] {
  const lines = Deno.readTextFileSync(TABLE).split("\n").filter((line) => line.startsWith("| "));
  return lines.filter((line) => !/^\| (fault|---) /.test(line))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));
}

Deno.test("the table of faults has enough rows, complete and without duplicates", () => {
  const table = rows();
  assert(table.length >= FEWEST_ROWS, `${table.length} rows`);
  for (const row of table) {
    assertEquals([row.length, row.includes("")], [COLUMNS, false], row.join(" | "));
  }
  assertEquals(new Set(table.map(([fault]) => fault)).size, table.length);
});

Deno.test("every fault of the table has its test", () => {
  for (const [fault, ...cells] of rows()) {
    const [, file, name] = /^`(\S+)`: (.+)$/.exec(cells.at(-1)!) ?? [];
    assert(file !== undefined && name !== undefined, fault);
    const text = Deno.readTextFileSync(new URL(file, TESTS));
    assert(text.includes(name), `${fault}: ${file} has no "${name}"`);
  }
});
