/** Rows of names and values, for display. */

import { filled } from "../config/help_text.ts";

/** Column of the values. */
const VALUES = 16;

/** Name, value, and colour; a row without a value is omitted. */
export type Row = readonly [
  name: string,
  value: string,
  paint?: ((text: string) => string) | undefined,
];

/** Formats rows, wrapping the values. */
export function rowsText(rows: readonly Row[], width: number): string {
  return rows.filter(([, value]) => value !== "").map(([name, value, paint = String]) =>
    `${name.padEnd(VALUES)}${paint(filled(value, width, VALUES))}\n`
  ).join("");
}
