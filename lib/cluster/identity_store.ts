/**
 * Wrapper around the monitor list on disk that includes the ledgers of held identities: a record is
 * durable when the disk and every ledger have it (rule R1). Without identities it is the disk
 * alone.
 */

import type { MonitorRecord, MonitorStore } from "../nsm/ports.ts";
import type { Identities } from "./identities.ts";

export class IdentityStore implements MonitorStore {
  constructor(
    readonly disk: MonitorStore,
    readonly identities: Pick<Identities, "record" | "dropped">,
  ) {}

  load(): Iterable<MonitorRecord> {
    return this.disk.load();
  }

  get unread(): number {
    return this.disk.unread;
  }

  loadUnread(): Iterable<readonly MonitorRecord[]> {
    return this.disk.loadUnread();
  }

  otherNames(monName: string): readonly string[] {
    return this.disk.otherNames(monName);
  }

  put(record: MonitorRecord, replaced?: MonitorRecord): Promise<void> {
    const recording = this.identities.record(record);
    const onDisk = this.disk.put(record, replaced);
    return recording === undefined ? onDisk : this.#both(record, replaced, onDisk, recording);
  }

  async remove(records: readonly MonitorRecord[]): Promise<void> {
    await this.disk.remove(records);
    for (const record of records) this.identities.dropped(record);
  }

  stateNumber(): number {
    return this.disk.stateNumber();
  }

  check(): void {
    this.disk.check();
  }

  tidy(): void {
    this.disk.tidy();
  }

  async #both(
    record: MonitorRecord,
    replaced: MonitorRecord | undefined,
    onDisk: Promise<void>,
    recording: Promise<unknown>,
  ): Promise<void> {
    const [disk, ledger] = await Promise.allSettled([onDisk, recording]);
    if (disk.status === "rejected") throw disk.reason;
    if (ledger.status === "fulfilled") return;
    // Rolled back if possible: a registration that was not acknowledged must not return after a
    // restart.
    if (replaced === undefined) await this.disk.remove([record]).catch(() => {});
    throw ledger.reason;
  }
}
