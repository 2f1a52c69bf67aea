/** Tables for display, with aligned columns that fit the terminal. */

import type { Colours } from "./terminal.ts";
import { filled } from "../config/help_text.ts";

/** Column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** May be truncated if the table is too wide; other columns are not. */
  readonly mayShrink?: boolean;
  /** Left out if the table is still too wide after shrinking. */
  readonly mayGo?: boolean;
  /** Whether the row's heading ends with this column. */
  readonly endsHead?: boolean;
}

/** Cell: its text, and a colour, which takes no space. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Gap between cells, in columns. */
const GAP = 2;
/** Least width of a truncated column. */
const SHRUNK_MIN = 12;
/** Least terminal width at which columns are left out; on a narrower one paragraphs are readable. */
const TABLE_MIN = 60;
const ELLIPSIS = "…";

/** Formatted table. */
export interface Table {
  readonly text: string;
  /** Whether all of it is shown: no cell was truncated, no column left out. */
  readonly isWhole: boolean;
}

/**
 * Formats a table; titles come first unless it is bare. Empty columns are omitted. If the terminal
 * is too narrow, columns are truncated, then left out, and at last each row becomes a paragraph.
 * Works column by column, which halves the time for 50,000 rows.
 */
export function layTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  { strong }: Pick<Colours, "strong">,
  isBare = false,
): Table {
  const used = columns.map((column, at) => ({ column, at }))
    .filter(({ at }) => rows.some((row) => cellText(row[at] ?? "") !== ""))
    .map(({ column, at }) => {
      const cells: Cell[] = rows.map((row) => row[at] ?? "");
      if (!isBare) cells.unshift({ text: column.title, paint: strong });
      return { column, cells };
    });
  const staying = used.filter(({ column }) => column.mayGo !== true);
  const mayGo = width >= TABLE_MIN && staying.length < used.length;
  const tries = [used, ...mayGo ? [staying] : []]
    .map((shown) => ({ shown, ...fit(shown, width) }));
  const heads = used.findIndex(({ column }) => column.endsHead) + 1;
  const fitting = tries.find(({ isFit }) => isFit);
  if (fitting === undefined && heads > 0 && !isBare) {
    return { text: paragraphs(used.slice(0, heads), used.slice(heads), width), isWhole: true };
  }
  const { shown, widths, isWhole } = fitting ?? tries[0]!;
  let lines: string[] = [];
  for (const [at, { column, cells }] of shown.entries()) {
    const room = widths[at]!;
    const padded = cells.map((cell) => inRoom(cell, room, column.align === "right"));
    lines = at === 0 ? padded : lines.map((line, row) => `${line}  ${padded[row]}`);
  }
  const text = lines.map((line) => `${line.trimEnd()}\n`).join("");
  return { text, isWhole: isWhole && shown.length === used.length };
}

/** Text of {@link layTable}. */
export function renderTable(...table: Parameters<typeof layTable>): string {
  return layTable(...table).text;
}

interface UsedColumn {
  readonly column: Column;
  /** Cells of the column, title first. */
  readonly cells: readonly Cell[];
}

/** Paragraph per row: a line with its heading, and one for each other non-empty cell. */
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

/** Widths of columns, after shrinking the widest shrinkable ones. `isWhole`: none had to shrink. */
function fit(
  columns: readonly UsedColumn[],
  width: number,
): { widths: number[]; isFit: boolean; isWhole: boolean } {
  const widths = columns.map(({ cells }) => {
    let widest = 0;
    for (const cell of cells) {
      const { length } = cellText(cell);
      if (length > widest) widest = length;
    }
    return widest;
  });
  const gaps = GAP * (widths.filter((column) => column > 0).length - 1);
  let excess = widths.reduce((sum, column) => sum + column, gaps) - width;
  const isWhole = excess <= 0;
  while (excess > 0) {
    let widest = -1;
    for (const [at, { column }] of columns.entries()) {
      if (column.mayShrink && widths[at]! > SHRUNK_MIN && widths[at]! > (widths[widest] ?? 0)) {
        widest = at;
      }
    }
    if (widest < 0) return { widths, isFit: false, isWhole };
    widths[widest]!--;
    excess--;
  }
  return { widths, isFit: true, isWhole };
}

/** Pads or truncates a cell; colours take no space. */
function inRoom(cell: Cell, room: number, isRight: boolean): string {
  const text = typeof cell === "string" ? cell : cell.text;
  const cutText = text.length > room ? text.slice(0, room - 1) + ELLIPSIS : text;
  if (typeof cell === "string") return isRight ? cutText.padStart(room) : cutText.padEnd(room);
  const blanks = " ".repeat(room - cutText.length);
  return isRight ? blanks + cell.paint(cutText) : cell.paint(cutText) + blanks;
}

/** Text of a cell, wrapped and then coloured. */
function painted(cell: Cell, inLines: (text: string) => string): string {
  return typeof cell === "string" ? inLines(cell) : cell.paint(inLines(cell.text));
}

function cellText(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}
