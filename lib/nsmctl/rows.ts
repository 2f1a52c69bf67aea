/** Rows of a name and a value, for people. */

import { filled } from "../config/help_text.ts";

/** Column of the values. */
const VALUES = 16;

/** What it is, its value, and how that is painted; no row where there is no value. */
export type Row = readonly [
  name: string,
  value: string,
  paint?: ((text: string) => string) | undefined,
];

/** The rows below each other, with values that are wrapped. */
export function rowsText(rows: readonly Row[], width: number): string {
  return rows.filter(([, value]) => value !== "").map(([name, value, paint = String]) =>
    `${name.padEnd(VALUES)}${paint(filled(value, width, VALUES))}\n`
  ).join("");
}
