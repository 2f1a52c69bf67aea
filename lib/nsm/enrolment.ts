/**
 * Enrolment: puts a registration on the monitor list in memory, then on disk, then runs the
 * callout. Unacknowledged registrations survive SM_SIMU_CRASH, since their replies still have to
 * hold.
 */

import type { Monitored } from "./monitor_list.ts";
import type { MonitorRecord } from "./ports.ts";
import { isSame } from "./registration_key.ts";
import type { ServiceParts } from "./service.ts";

/** Registration in the list and on disk. */
interface Registered {
  /** Whether the same record was there before. */
  readonly wasThere: boolean;
  /**
   * Marks a renewed registration as younger than the notices before the renewal. Without a reply,
   * the lock manager may hold locks of the earlier registration, which they concern.
   */
  readonly acknowledged: () => void;
}

/** Registration that is not acknowledged yet. */
interface UnderWay {
  /** Replaced when a later SM_MON of the registration is acknowledged sooner. */
  record: MonitorRecord;
  /** Its entry of the list, which a later SM_MON may share. */
  monitored: Monitored;
  /** Replaced when SM_SIMU_CRASH clears the list meanwhile. */
  registering: Promise<Registered>;
}

/** Record of a registration on its way to the disk. */
type Write = Readonly<Pick<UnderWay, "record" | "monitored">>;

const NOTHING = (): void => {};

export class Enrolment {
  /** SM_MON calls waiting for the disk or the callout, in order of arrival. */
  readonly #underWay = new Set<UnderWay>();
  /** Records that the disk has neither taken nor refused yet, in order of arrival. */
  readonly #writes = new Set<Write>();

  constructor(readonly parts: ServiceParts) {}

  /** Registers, and runs the callout if the registration is new. @throws {StoreError} (as a rejection) */
  async enrol(record: MonitorRecord): Promise<void> {
    const pending: UnderWay = { record, ...this.#begin(record) };
    this.#underWay.add(pending);
    const decided = settled(pending);
    this.parts.list.renewals.note(record, decided);
    try {
      if (!(await decided).wasThere) {
        this.parts.registered?.(record);
        await this.parts.callout()?.monitored(record.monName, record.myName);
      }
      (await settled(pending)).acknowledged();
      this.#supersede(pending);
    } finally {
      this.#underWay.delete(pending);
    }
  }

  /** Gives earlier SM_MON calls of a registration the record of one that is acknowledged sooner. */
  #supersede({ record, monitored }: UnderWay): void {
    for (const earlier of this.#underWay) {
      if (earlier.record === record) return;
      if (earlier.monitored === monitored) earlier.record = record;
    }
  }

  /** Puts a registration in the list, and begins to put it on disk. */
  #begin(record: MonitorRecord): Pick<UnderWay, "monitored" | "registering"> {
    const { list, notices, directory, store } = this.parts;
    const known = list.find(record);
    const previous = known?.record;
    const monitored = known ?? list.add(record, directory.remembered(record.monName));
    monitored.record = record;
    // An unread file may have an earlier record of it, which stays if the disk refuses this one.
    const isNew = known === undefined && store.unread === 0;
    if (known === undefined) notices.overtaken(monitored, notices.taken, !isNew);
    const registering = this.#register(monitored, record, previous, isNew);
    const isOfOtherCookie = known !== undefined && known.stored?.priv !== record.priv;
    if (isOfOtherCookie) holdCallbacks(monitored, registering);
    return { monitored, registering };
  }

  /**
   * Puts a registration on disk.
   *
   * @throws {StoreError} (as a rejection) When the disk refuses; the list then equals the disk.
   */
  async #register(
    monitored: Monitored,
    record: MonitorRecord,
    previous: MonitorRecord | undefined,
    isNew: boolean,
  ): Promise<Registered> {
    const { list, store, directory, clock, notices } = this.parts;
    const { clearings } = list;
    const { taken } = notices;
    const write = { monitored, record };
    this.#writes.add(write);
    try {
      // Repeated requests are written too: sm-notify may have moved the record away since.
      await store.put(record, previous);
    } catch (error) {
      this.#undo(write);
      throw error;
    }
    this.#writes.delete(write);
    // SM_SIMU_CRASH came in between; forgetAll() registers again the hosts still wanted.
    if (list.clearings !== clearings) return { wasThere: false, acknowledged: NOTHING };
    // The record that the call found may have been refused since.
    const { stored } = monitored;
    const isRepeated = previous !== undefined && stored !== undefined && isSame(stored, record);
    monitored.stored = record;
    if (monitored.isUncertain) monitored.isUncertain = false;
    monitored.since = clock.wallClock();
    if (isRepeated) {
      const confirmed = () => notices.overtaken(monitored, monitored.behind);
      return { wasThere: true, acknowledged: monitored.isTentative ? confirmed : NOTHING };
    }
    // SM_UNMON may have come in between.
    if (list.has(record.monName)) directory.add(record.monName);
    const acknowledged = () => notices.overtaken(monitored, taken);
    return { wasThere: false, acknowledged: isNew ? NOTHING : acknowledged };
  }

  /**
   * Clears the list, for SM_SIMU_CRASH. Unacknowledged registrations are made again, since
   * sm-notify may move their records away; an SM_UNMON from now on finds them. Registrations that
   * an SM_UNMON removed or the disk refused are not made again.
   */
  forgetAll(): void {
    const { list, store } = this.parts;
    const unacknowledged = [...this.#underWay]
      .filter(({ record, monitored }) => list.find(record) === monitored);
    store.dropped(Array.from(list.all(), ({ record }) => record.monName));
    list.clear();
    for (const pending of unacknowledged) {
      Object.assign(pending, this.#begin(pending.record));
      pending.registering.catch(() => {}); // enrol() awaits it
    }
  }

  /**
   * Rolls back a registration that did not reach the disk, to the latest record under way, or else
   * to the one on disk. An earlier call may still be under way: a file that cannot be read refuses a
   * record at once.
   */
  #undo(write: Write): void {
    const { monitored, record } = write;
    const { list, directory, store } = this.parts;
    this.#writes.delete(write);
    list.doubtStored(monitored);
    const latest = [...this.#writes].findLast((other) => other.monitored === monitored);
    const before = latest?.record ?? monitored.stored;
    if (before !== undefined) monitored.record = before;
    else if (list.find(record) === monitored) {
      this.parts.removed?.(monitored);
      // An unread file may have another registration, which may be owed a callback.
      if (list.remove(monitored) && store.unread === 0) directory.remove(record.monName);
    }
  }
}

/**
 * Has callbacks of a registration wait until the disk has decided about its new cookie: a lock
 * manager may not know the cookie of a refused SM_MON.
 */
function holdCallbacks(monitored: Monitored, registering: Promise<unknown>): void {
  const deciding = Promise.allSettled([monitored.deciding, registering]).then(() => {
    if (monitored.deciding === deciding) monitored.deciding = undefined;
  });
  monitored.deciding = deciding;
}

/** Awaits the last registration attempt. */
async function settled(pending: UnderWay): Promise<Registered> {
  for (;;) {
    const { registering } = pending;
    const registered = await registering.catch((error) => {
      if (pending.registering === registering) throw error;
    });
    if (registered !== undefined && pending.registering === registering) return registered;
  }
}
