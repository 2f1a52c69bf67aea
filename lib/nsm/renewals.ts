/**
 * Renewals: SM_MON calls that arrive while a removal of many registrations is under way, which
 * leaves what they register. A record of the list does not tell: one that the disk refuses gives
 * way to an earlier one, which the removal has to take.
 */

import type { MonitorRecord } from "./ports.ts";

/** Records of SM_MON calls; until the disk has decided about one, the promise that it will. */
export type Renewed = ReadonlyMap<MonitorRecord, Promise<void> | undefined>;

export class Renewals {
  readonly #observed = new Set<Map<MonitorRecord, Promise<void> | undefined>>();

  /** Notes an SM_MON; `decided` settles when the disk has taken or refused its record. */
  note(record: MonitorRecord, decided: Promise<unknown>): void {
    for (const renewed of this.#observed) {
      const settle = () => void renewed.set(record, undefined);
      renewed.set(record, decided.then(settle, settle));
    }
  }

  /** Runs a removal with the SM_MON calls that arrive from now on. */
  async during(removal: (renewed: Renewed) => Promise<void>): Promise<void> {
    const renewed = new Map<MonitorRecord, Promise<void> | undefined>();
    this.#observed.add(renewed);
    try {
      await removal(renewed);
    } finally {
      this.#observed.delete(renewed);
    }
  }
}
