/**
 * Putting registrations on the monitor list: in memory, on disk, for the callout, in this order. What is not
 * acknowledged yet outlives SM_SIMU_CRASH, since the reply is still to promise something.
 */

import type { Monitored } from "./monitor_list.ts";
import type { MonitorRecord } from "./ports.ts";
import type { ServiceParts } from "./service.ts";

/** A registration that is not acknowledged yet. */
interface UnderWay {
  readonly record: MonitorRecord;
  /** The registration made anew, where SM_SIMU_CRASH has forgotten it meanwhile. */
  again?: Promise<unknown>;
}

export class Enrolment {
  /** Calls of SM_MON that wait for the disk or the callout. */
  readonly #underWay = new Set<UnderWay>();

  constructor(readonly parts: ServiceParts) {}

  /** Registers, and runs the callout where that is news. @throws {StoreError} (as a rejection) */
  async enrol(record: MonitorRecord): Promise<void> {
    const pending: UnderWay = { record };
    this.#underWay.add(pending);
    try {
      if (!await this.#register(record, pending)) {
        this.parts.registered?.(record);
        await this.parts.callout()?.monitored(record.monName, record.myName);
      }
      await pending.again;
    } finally {
      this.#underWay.delete(pending);
    }
  }

  /**
   * Puts a registration on the list and on disk; whether it was there before.
   *
   * @throws {StoreError} (as a rejection) When the disk refuses; the list is what the disk is.
   */
  async #register(record: MonitorRecord, pending: UnderWay): Promise<boolean> {
    const { list, store, directory, clock, notices } = this.parts;
    for (;;) {
      let monitored = list.find(record);
      const previous = monitored?.record;
      const { clearings } = list;
      const { taken } = notices;
      if (monitored !== undefined) monitored.record = record;
      else {
        monitored = list.add(record);
        notices.overtaken(monitored, taken);
      }
      try {
        // A repeated request goes to the disk too: sm-notify may have moved its record away since.
        await store.put(record, previous);
      } catch (error) {
        this.#undo(monitored, record);
        throw error;
      }
      // SM_SIMU_CRASH came in between: its sm-notify may have moved the record away.
      if (list.clearings !== clearings) {
        if (pending.again !== undefined) return false;
        continue;
      }
      monitored.stored = record;
      monitored.since = clock.wallClock();
      const isRepeated = previous !== undefined && isSame(previous, record);
      if (isRepeated) return true;
      if (previous !== undefined) notices.overtaken(monitored, taken);
      // SM_UNMON may have come in between; the record goes with it.
      if (list.has(record.monName)) directory.add(record.monName);
      return false;
    }
  }

  /** Empties the list. What is not acknowledged yet is asked for anew, so that an SM_UNMON from now on finds it. */
  forgetAll(): void {
    const { list } = this.parts;
    const unacknowledged = [...this.#underWay].filter(({ record }) => list.find(record));
    list.clear();
    for (const pending of unacknowledged) {
      pending.again = this.#register(pending.record, { record: pending.record });
      pending.again.catch(() => {}); // enrol() waits for it
    }
  }

  /** Takes back a registration that did not reach the disk, unless a later one is on its way. */
  #undo(monitored: Monitored, record: MonitorRecord): void {
    if (monitored.record !== record) return;
    const { list, directory } = this.parts;
    if (monitored.stored !== undefined) monitored.record = monitored.stored;
    else {
      this.parts.removed?.(monitored);
      if (list.remove(monitored)) directory.remove(record.monName);
    }
  }
}

function isSame(a: MonitorRecord, b: MonitorRecord): boolean {
  return a.monName === b.monName && a.myName === b.myName && a.priv === b.priv;
}
