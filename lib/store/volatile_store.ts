/** In-memory replacement of a state directory that is not writable. Its contents end with the process. */

import {
  type MonitorRecord,
  type MonitorStore,
  type PeerFacts,
  type PeerMemory,
  UnstorableRecordError,
} from "../nsm/ports.ts";
import { registrationKey } from "../nsm/registration_key.ts";
import { fileNameFault } from "./layout.ts";
import { recordFault } from "./record_format.ts";

/**
 * Monitor list in memory. It refuses the records that the one on disk refuses, but never for lack
 * of space.
 */
export class VolatileStore implements MonitorStore {
  readonly #records = new Map<string, MonitorRecord>();
  readonly #stateNumber: number;

  /** `records` are the initial ones. */
  constructor(stateNumber: number, records: readonly MonitorRecord[] = []) {
    this.#stateNumber = stateNumber;
    for (const record of records) this.#records.set(registrationKey(record), record);
  }

  load(): MonitorRecord[] {
    return [...this.#records.values()];
  }

  readonly unread = 0;

  isUnread(): boolean {
    return false;
  }

  loadUnread(): [] {
    return [];
  }

  otherNames(): readonly string[] {
    return [];
  }

  dropped(): void {}

  put(record: MonitorRecord): Promise<void> {
    const fault = fileNameFault(record.monName) ?? recordFault(record);
    if (fault !== undefined) {
      return Promise.reject(new UnstorableRecordError("keep", record.monName, fault));
    }
    this.#records.delete(registrationKey(record));
    this.#records.set(registrationKey(record), record);
    return Promise.resolve();
  }

  remove(
    records: readonly MonitorRecord[],
    isKept: (record: MonitorRecord) => boolean = () => false,
  ): Promise<void> {
    for (const key of records.map(registrationKey)) {
      const record = this.#records.get(key);
      if (record !== undefined && !isKept(record)) this.#records.delete(key);
    }
    return Promise.resolve();
  }

  stateNumber(): number {
    return this.#stateNumber;
  }

  check(): void {}

  tidy(): void {}
}

/** Null object: a peer memory that keeps nothing. The peer directory knows the peers as long as we run. */
export class NoPeerMemory implements PeerMemory {
  load(): Map<string, PeerFacts> {
    return new Map();
  }
  // deno-lint-ignore require-yield -- there is nothing to load
  *loadInSteps(): Generator<void, Map<string, PeerFacts>> {
    return new Map();
  }
  note(): void {}
  forget(): void {}
  flush(): void {}
}
