/** In-memory state directory, with both of its stores. */

import {
  type MonitorRecord,
  type MonitorStore,
  type NotifyRecord,
  type NotifyStore,
  StoreError,
  UnstorableRecordError,
} from "../../lib/nsm/ports.ts";
import {
  INITIAL_STATE_NUMBER,
  nextStateNumber,
  upStateNumber,
} from "../../lib/nsm/state_number.ts";
import { registrationKey } from "../../lib/nsm/registration_key.ts";
import { fileNameFault } from "../../lib/store/layout.ts";
import { recordFault } from "../../lib/store/record_format.ts";

/** State shared by the two stores; tests may inspect and change it. */
export class MemoryStateDirectory {
  readonly monitored = new Map<string, MonitorRecord>();
  readonly notified = new Map<string, MonitorRecord>();
  /** Number in the file `state`; undefined if there is none. */
  state: number | undefined;
  /** Error of all reads and writes while set. */
  fault: string | undefined;
  /** While set, changes of the monitor list wait for this promise. */
  gate: Promise<void> | undefined;

  stateNumber(): number {
    this.check("read");
    return upStateNumber(this.state ??= INITIAL_STATE_NUMBER);
  }

  /** @throws {StoreError} While there is a fault. */
  check(operation: string): void {
    if (this.fault !== undefined) throw new StoreError(operation, "/memory", this.fault);
  }
}

export class MemoryMonitorStore implements MonitorStore {
  constructor(readonly directory = new MemoryStateDirectory()) {}

  load(): MonitorRecord[] {
    return [...this.directory.monitored.values()];
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

  /** Records on the list, in order of arrival. */
  get records(): MonitorRecord[] {
    return this.load();
  }

  put(record: MonitorRecord, _replaced?: MonitorRecord): Promise<void> {
    return this.#change(() => {
      const fault = fileNameFault(record.monName) ?? recordFault(record);
      if (fault !== undefined) throw new UnstorableRecordError("write", record.monName, fault);
      this.directory.check("write");
      this.directory.monitored.delete(registrationKey(record));
      this.directory.monitored.set(registrationKey(record), record);
    });
  }

  remove(
    records: readonly MonitorRecord[],
    isKept: (record: MonitorRecord) => boolean = () => false,
  ): Promise<void> {
    return this.#change(() => {
      this.directory.check("write");
      const { monitored } = this.directory;
      for (const key of records.map(registrationKey)) {
        const record = monitored.get(key);
        if (record !== undefined && !isKept(record)) monitored.delete(key);
      }
    });
  }

  stateNumber(): number {
    return this.directory.stateNumber();
  }

  check(): void {
    this.directory.check("write");
  }

  tidy(): void {}

  #change(action: () => void): Promise<void> {
    const { gate } = this.directory;
    return gate === undefined ? settled(action) : gate.then(action);
  }
}

export class MemoryNotifyStore implements NotifyStore {
  readonly faults = 0;

  constructor(readonly directory = new MemoryStateDirectory()) {}

  retire(): number {
    const { monitored, notified } = this.directory;
    const { size } = monitored;
    for (const [key, record] of monitored) notified.set(key, record);
    monitored.clear();
    return size;
  }

  load(): NotifyRecord[] {
    const peers = new Map<string, NotifyRecord>();
    for (const { monName, myName } of this.directory.notified.values()) {
      peers.set(`${monName} ${myName}`, { fileName: monName, monName, myName, modifiedAt: 0 });
    }
    return [...peers.values()];
  }

  remove({ monName, myName }: NotifyRecord): Promise<void> {
    return settled(() => {
      this.directory.check("write");
      for (const [key, record] of this.directory.notified) {
        const isTold = record.monName === monName && record.myName === myName;
        if (isTold) this.directory.notified.delete(key);
      }
    });
  }

  has({ fileName }: NotifyRecord): boolean {
    return [...this.directory.notified.values()].some(({ monName }) => monName === fileName);
  }

  stateNumber(): number {
    return this.directory.stateNumber();
  }

  advanceStateNumber(): number {
    this.directory.check("write");
    const { state } = this.directory;
    return this.directory.state = state === undefined
      ? INITIAL_STATE_NUMBER
      : nextStateNumber(state);
  }
}

/** Promise with the outcome of a synchronous action. */
function settled(action: () => void): Promise<void> {
  return new Promise((resolve) => resolve(action()));
}
