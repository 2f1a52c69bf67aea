import { assertEquals } from "@std/assert";
import { coloursFor } from "../../lib/nsmctl/terminal.ts";
import { layTable, renderTable } from "../../lib/nsmctl/table.ts";

const pure = { permissions: "none" } as const;
const plain = coloursFor(false);
const WIDE = Number.MAX_SAFE_INTEGER;

const COLUMNS = [
  { title: "A" },
  { title: "NAME", mayShrink: true },
  { title: "COUNT", align: "right" as const },
];

Deno.test("renderTable() aligns columns and leaves no blanks at the end of lines", pure, () => {
  assertEquals(
    renderTable(COLUMNS, [["x", "long name", "1"], ["", "b", ""]], WIDE, plain),
    "A  NAME       COUNT\nx  long name      1\n   b\n",
  );
});

Deno.test("renderTable() leaves out empty columns", pure, () => {
  assertEquals(renderTable(COLUMNS, [["", "b", ""]], WIDE, plain), "NAME\nb\n");
});

Deno.test("renderTable() shrinks shrinkable columns to the width of the terminal", pure, () => {
  const text = renderTable(COLUMNS, [["x", "a".repeat(60), "12"]], 40, plain);
  const lines = text.trimEnd().split("\n");
  assertEquals(lines[1], `x  ${"a".repeat(29)}…     12`);
  assertEquals(lines.map((line) => line.length), [40, 40]);
});

Deno.test("renderTable() never cuts a column to nothing", pure, () => {
  const text = renderTable(COLUMNS, [["x", "a".repeat(60), "12"]], 5, plain);
  assertEquals(text.includes(`${"a".repeat(11)}…`), true);
});

Deno.test(
  "layTable() leaves out optional columns before it makes paragraphs, and says so",
  pure,
  () => {
    const columns = [
      { title: "NAME", endsHead: true },
      { title: "FROM", mayShrink: true, mayGo: true },
      { title: "REMARKS", mayShrink: true },
    ];
    const rows = [["a".repeat(40), "b".repeat(20), "c".repeat(20)]];
    const at = (width: number) => layTable(columns, rows, width, plain);
    assertEquals(at(84), { text: `${titles(40, 20)}\n${rows[0]!.join("  ")}\n`, isWhole: true });
    const [, shrunk] = at(68).text.split("\n");
    assertEquals(shrunk, `${"a".repeat(40)}  ${"b".repeat(11)}…  ${"c".repeat(11)}…`);
    const left = at(64);
    assertEquals([left.text.split("\n")[1], left.isWhole], [
      rows[0]![0] + "  " + rows[0]![2],
      false,
    ]);
    assertEquals(at(59), {
      text: `${rows[0]![0]}\n  FROM     ${rows[0]![1]}\n  REMARKS  ${rows[0]![2]}\n`,
      isWhole: true,
    });
  },
);

function titles(name: number, from: number): string {
  return `${"NAME".padEnd(name)}  ${"FROM".padEnd(from)}  REMARKS`;
}

Deno.test(
  "renderTable() makes paragraphs if the terminal is too narrow for a table",
  pure,
  () => {
    const columns = [
      { title: "A" },
      { title: "NAME", mayShrink: true, endsHead: true },
      { title: "COUNT" },
      { title: "REMARKS", mayShrink: true },
    ];
    const rows = [
      ["x", "a".repeat(20), "1", "one two three four"],
      ["", "b", "2", ""],
    ];
    const table = renderTable(columns, rows, 36, plain).split("\n");
    assertEquals(table[1], `x  ${"a".repeat(11)}…  1      one two thr…`);
    assertEquals(
      renderTable(columns, rows, 35, plain),
      `x  ${"a".repeat(20)}\n  COUNT    1\n  REMARKS  one two three four\n` +
        `   b\n  COUNT    2\n`,
    );
  },
);

Deno.test("renderTable() paints without changing the alignment", pure, () => {
  const { good, strong } = coloursFor(true);
  const cell = { text: "x", paint: good };
  assertEquals(
    renderTable(COLUMNS, [[cell, "b", ""]], WIDE, { strong }),
    "\x1b[1mA\x1b[0m  \x1b[1mNAME\x1b[0m\n\x1b[32mx\x1b[0m  b\n",
  );
});
