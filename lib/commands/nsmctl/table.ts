/** Tables for people: aligned columns that fit the width of the terminal. */

import type { Colours } from "./colours.ts";

/** One column. */
export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** May be cut where the table is too wide; others are kept whole. */
  readonly mayShrink?: boolean;
}

/** One cell: its text, and what paints it, which takes no room. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Columns between two cells. */
const GAP = 2;
/** No column is cut below this width. */
const SHRUNK_MIN = 12;
const ELLIPSIS = "…";

/** The lines of a table, titles first, each with its line end. Empty columns are left out. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  { strong }: Pick<Colours, "strong">,
): string {
  const used = columns.map((_, at) => rows.some((row) => textOf(row[at]) !== ""));
  const titles = columns.map(({ title }): Cell => ({ text: title, paint: strong }));
  const widths = columns.map((column, at) =>
    used[at]
      ? rows.reduce((most, row) => Math.max(most, textOf(row[at]).length), column.title.length)
      : 0
  );
  fit(columns, widths, width);
  return [titles, ...rows].map((row) => lineOf(columns, row, widths)).join("");
}

/** Takes from the widest column that may shrink, until all fit or none can give any more. */
function fit(columns: readonly Column[], widths: number[], width: number): void {
  const gaps = GAP * (widths.filter((column) => column > 0).length - 1);
  let excess = widths.reduce((sum, column) => sum + column, gaps) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [at, column] of columns.entries()) {
      if (column.mayShrink && widths[at]! > SHRUNK_MIN && widths[at]! > (widths[widest] ?? 0)) {
        widest = at;
      }
    }
    if (widest < 0) return;
    widths[widest]!--;
    excess--;
  }
}

function lineOf(columns: readonly Column[], row: readonly Cell[], widths: number[]): string {
  let line = "";
  let pending = 0;
  for (const [at, column] of columns.entries()) {
    const room = widths[at]!;
    if (room === 0) continue;
    const text = cut(textOf(row[at]), room);
    const blanks = room - text.length;
    const before = column.align === "right" ? blanks : 0;
    if (text !== "") line += " ".repeat(pending + before) + painted(row[at]!, text);
    pending = text === "" ? pending + room + GAP : blanks - before + GAP;
  }
  return `${line}\n`;
}

function cut(text: string, room: number): string {
  return text.length > room ? text.slice(0, room - 1) + ELLIPSIS : text;
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === "object" ? cell.text : cell ?? "";
}

function painted(cell: Cell, text: string): string {
  return typeof cell === "object" ? cell.paint(text) : text;
}
