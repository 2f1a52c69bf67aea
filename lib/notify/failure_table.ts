/** Table of unreached peers, grouped by reason: easier to read than hundreds of lines. */

import type { NotifyReport } from "../nsm/notify/notify_outcome.ts";
import { quote } from "../quote.ts";

/** Limit of rows. */
const ROWS_MAX = 3;
/** Limit of peers named in a row. */
const NAMED_MAX = 3;
/** Number of failures that need no table: their log lines are the last ones. */
const FEW = 3;

export class FailureTable {
  readonly #peers = new Map<string, { count: number; readonly named: string[] }>();
  #count = 0;

  add({ record: { monName }, address, fault = "no answer" }: NotifyReport): void {
    this.#count++;
    const reason = reasonWithout(fault, address);
    let row = this.#peers.get(reason);
    if (row === undefined) this.#peers.set(reason, row = { count: 0, named: [] });
    row.count++;
    if (row.named.length < NAMED_MAX) row.named.push(quote(monName));
  }

  /** Rows of the table, most frequent reason first; none if few peers have failed. */
  lines(): string[] {
    if (this.#count <= FEW) return [];
    const rows = [...this.#peers].sort(([, a], [, b]) => b.count - a.count);
    const width = String(this.#count).length;
    const lines = rows.slice(0, ROWS_MAX).map(([reason, { count, named }]) => {
      const more = count > named.length ? ", ..." : "";
      return `  ${String(count).padStart(width)}  ${reason}: ${named.join(", ")}${more}`;
    });
    const rest = rows.slice(ROWS_MAX).reduce((sum, [, { count }]) => sum + count, 0);
    const others = rest > 0 ? ` (and ${rest} for other reasons)` : "";
    return [`Not told, and why${others}:`, ...lines];
  }
}

/** Reason without the address and the time, which differ between peers. */
function reasonWithout(fault: string, address: string | undefined): string {
  const timeless = fault.replaceAll(/ in [\d.]+ m?s\b/g, "");
  return address === undefined ? timeless : timeless.replaceAll(address, "its address");
}
