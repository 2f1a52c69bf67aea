/** Table that the benchmark prints. */

import { median } from "./generator_orders.ts";

/** Values measured at one point, by program. */
export interface Row {
  readonly point: string;
  readonly unit: string;
  readonly debian: number[];
  readonly ours: number[];
  /** True if more is better. */
  readonly isRate: boolean;
  readonly goal: string;
}

const WIDTHS = [46, 12, 12, 9] as const;

export class Report {
  readonly #rows = new Map<string, Row>();

  /** Records a measurement; measurements of one point share a row. */
  note(row: Omit<Row, "debian" | "ours">, program: string, value: number): void {
    let known = this.#rows.get(row.point);
    if (known === undefined) {
      this.#rows.set(row.point, known = { ...row, debian: [], ours: [] });
    }
    (program === "Debian" ? known.debian : known.ours).push(value);
  }

  /** Prints the medians, and the ratio by which ours is better. */
  print(): void {
    say(line(["", "Debian", "ours", "ratio"], "goal"));
    for (const { point, unit, debian, ours, isRate, goal } of this.#rows.values()) {
      const [theirs, own] = [median(debian), median(ours)];
      const ratio = isRate ? own / theirs : theirs / own;
      const values = [theirs, own].map((value) => shown(value));
      say(line([`${point}, ${unit}`, ...values, isNaN(ratio) ? "" : `${shown(ratio)}x`], goal));
    }
  }
}

function line([first = "", ...others]: readonly string[], last: string): string {
  const cells = others.map((cell, i) => cell.padStart(WIDTHS[i + 1]!));
  return `${[first.padEnd(WIDTHS[0]), ...cells].join(" ")}  ${last}`;
}

function shown(value: number): string {
  if (isNaN(value)) return "-";
  if (value >= 100) return String(Math.round(value));
  return value.toPrecision(value >= 10 ? 3 : 2);
}

export function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
