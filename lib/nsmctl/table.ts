/** Tables for people: aligned columns that fit the width of the terminal. */

import type { Colours } from "./terminal.ts";
import { filled } from "../config/help_text.ts";

/** One column. */
export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** May be cut where the table is too wide; others are kept whole. */
  readonly mayShrink?: boolean;
  /** What a row is about stands in this column and those before. */
  readonly endsHead?: boolean;
}

/** One cell: its text, and what paints it, which takes no room. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Columns between two cells. */
const GAP = 2;
/** No column is cut below this width. */
const SHRUNK_MIN = 12;
const ELLIPSIS = "…";

/**
 * The lines of a table, titles first unless it is bare, each with its line end. Empty columns are left out. On a terminal
 * that is too narrow even so, each row becomes a paragraph. It goes column by column, which takes half
 * the time of going row by row with 50,000 rows.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  { strong }: Pick<Colours, "strong">,
  isBare = false,
): string {
  const used = columns.map((column, at) => ({ column, at }))
    .filter(({ at }) => rows.some((row) => cellText(row[at] ?? "") !== ""))
    .map(({ column, at }) => {
      const cells: Cell[] = rows.map((row) => row[at] ?? "");
      if (!isBare) cells.unshift({ text: column.title, paint: strong });
      return { column, cells };
    });
  const widths = used.map(({ cells }) => {
    let widest = 0;
    for (const cell of cells) {
      const { length } = cellText(cell);
      if (length > widest) widest = length;
    }
    return widest;
  });
  const isFit = fit(used.map(({ column }) => column), widths, width);
  const heads = used.findIndex(({ column }) => column.endsHead) + 1;
  if (!isFit && heads > 0 && !isBare) {
    return paragraphs(used.slice(0, heads), used.slice(heads), width);
  }
  let lines: string[] = [];
  for (const [at, { column, cells }] of used.entries()) {
    const room = widths[at]!;
    const padded = cells.map((cell) => inRoom(cell, room, column.align === "right"));
    lines = at === 0 ? padded : lines.map((line, row) => `${line}  ${padded[row]}`);
  }
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

interface UsedColumn {
  readonly column: Column;
  /** The title first. */
  readonly cells: readonly Cell[];
}

/** Each row with a line for its head, and one for each other cell in which there is something. */
function paragraphs(
  heads: readonly UsedColumn[],
  others: readonly UsedColumn[],
  width: number,
): string {
  const titles = Math.max(...others.map(({ column }) => column.title.length));
  const texts = 2 * GAP + titles;
  const rows = heads[0]!.cells.slice(1).map((_, row) => {
    const head = heads.map(({ column, cells }) =>
      inRoom(
        cells[row + 1]!,
        Math.max(column.title.length, cellText(cells[row + 1]!).length),
        false,
      )
    );
    const lines = others.filter(({ cells }) => cellText(cells[row + 1]!) !== "")
      .map(({ column, cells }) =>
        `  ${column.title.padEnd(titles)}  ${
          painted(cells[row + 1]!, (text) => filled(text, width, texts))
        }`
      );
    return [head.join("  ").trimEnd(), ...lines].map((line) => `${line}\n`).join("");
  });
  return rows.join("");
}

/** Takes from the widest column that may shrink; whether all fit before none can give any more. */
function fit(columns: readonly Column[], widths: number[], width: number): boolean {
  const gaps = GAP * (widths.filter((column) => column > 0).length - 1);
  let excess = widths.reduce((sum, column) => sum + column, gaps) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [at, column] of columns.entries()) {
      if (column.mayShrink && widths[at]! > SHRUNK_MIN && widths[at]! > (widths[widest] ?? 0)) {
        widest = at;
      }
    }
    if (widest < 0) return false;
    widths[widest]!--;
    excess--;
  }
  return true;
}

/** A cell with blanks around it; colours take no room. */
function inRoom(cell: Cell, room: number, isRight: boolean): string {
  const text = typeof cell === "string" ? cell : cell.text;
  const cutText = text.length > room ? text.slice(0, room - 1) + ELLIPSIS : text;
  if (typeof cell === "string") return isRight ? cutText.padStart(room) : cutText.padEnd(room);
  const blanks = " ".repeat(room - cutText.length);
  return isRight ? blanks + cell.paint(cutText) : cell.paint(cutText) + blanks;
}

/** The text of a cell, put into lines and then painted. */
function painted(cell: Cell, inLines: (text: string) => string): string {
  return typeof cell === "string" ? inLines(cell) : cell.paint(inLines(cell.text));
}

function cellText(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}
