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
  /** Whether it was there before; replaced where SM_SIMU_CRASH has forgotten it and it is made anew. */
  registering: Promise<boolean>;
}

export class Enrolment {
  /** Calls of SM_MON that wait for the disk or the callout. */
  readonly #underWay = new Set<UnderWay>();

  constructor(readonly parts: ServiceParts) {}

  /** Registers, and runs the callout where that is news. @throws {StoreError} (as a rejection) */
  async enrol(record: MonitorRecord): Promise<void> {
    const pending: UnderWay = { record, registering: this.#register(record) };
    this.#underWay.add(pending);
    try {
      if (!await settled(pending)) {
        this.parts.registered?.(record);
        await this.parts.callout()?.monitored(record.monName, record.myName);
      }
      await settled(pending);
    } finally {
      this.#underWay.delete(pending);
    }
  }

  /**
   * Puts a registration on the list and on disk; whether it was there before.
   *
   * @throws {StoreError} (as a rejection) When the disk refuses; the list is what the disk is.
   */
  async #register(record: MonitorRecord): Promise<boolean> {
    const { list, store, directory, clock, notices } = this.parts;
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
    // SM_SIMU_CRASH came in between: what was still wanted then is made anew.
    if (list.clearings !== clearings) return false;
    monitored.stored = record;
    monitored.since = clock.wallClock();
    const isRepeated = previous !== undefined && isSame(previous, record);
    if (isRepeated) return true;
    if (previous !== undefined) notices.overtaken(monitored, taken);
    // SM_UNMON may have come in between; the record goes with it.
    if (list.has(record.monName)) directory.add(record.monName);
    return false;
  }

  /**
   * Empties the list. What is not acknowledged yet is asked for anew, since its sm-notify may move the record
   * away, so that an SM_UNMON from now on finds it; what an SM_UNMON has taken off is not.
   */
  forgetAll(): void {
    const { list } = this.parts;
    const unacknowledged = [...this.#underWay].filter(({ record }) => list.find(record));
    list.clear();
    for (const pending of unacknowledged) {
      pending.registering = this.#register(pending.record);
      pending.registering.catch(() => {}); // enrol() waits for it
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

/** Waits until a registration is made for the last time; whether it was there before. */
async function settled(pending: UnderWay): Promise<boolean> {
  for (;;) {
    const { registering } = pending;
    const wasThere = await registering.catch((error) => {
      if (pending.registering === registering) throw error;
      return false;
    });
    if (pending.registering === registering) return wasThere;
  }
}

function isSame(a: MonitorRecord, b: MonitorRecord): boolean {
  return a.monName === b.monName && a.myName === b.myName && a.priv === b.priv;
}
