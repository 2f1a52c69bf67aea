/**
 * Wrapper around the monitor list on disk that includes the ledgers of held identities: a record is
 * durable when the disk and every ledger have it (rule R1). Without identities, the disk alone
 * counts.
 */

import type { MonitorRecord, MonitorStore } from "../nsm/ports.ts";
import { registrationKey } from "../nsm/registration_key.ts";
import type { Identities } from "./identities.ts";

/** Record that waits for disk and ledgers. */
interface Waiting {
  readonly record: MonitorRecord;
  /** Whether nothing that it replaces was acknowledged. */
  isNew: boolean;
}

export class IdentityStore implements MonitorStore {
  /** Last record that waits, for each registration. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    readonly disk: MonitorStore,
    readonly identities: Pick<Identities, "record" | "refusalOf" | "dropped">,
  ) {}

  load(): Iterable<MonitorRecord> {
    return this.disk.load();
  }

  get unread(): number {
    return this.disk.unread;
  }

  isUnread(monName: string): boolean {
    return this.disk.isUnread(monName);
  }

  loadUnread(
    ...wanted: Parameters<MonitorStore["loadUnread"]>
  ): Iterable<readonly MonitorRecord[]> {
    return this.disk.loadUnread(...wanted);
  }

  otherNames(monName: string): readonly string[] {
    return this.disk.otherNames(monName);
  }

  dropped(monNames: Iterable<string>): void {
    this.disk.dropped(monNames);
  }

  put(record: MonitorRecord, replaced?: MonitorRecord): Promise<void> {
    // Nothing is written for a refused peer, since a lock manager may repeat the call without a
    // pause.
    const refusal = this.identities.refusalOf(record);
    if (refusal !== undefined) return Promise.reject(refusal);
    const recording = this.identities.record(record);
    const onDisk = this.disk.put(record, replaced);
    return recording === undefined ? onDisk : this.#both(record, replaced, onDisk, recording);
  }

  async remove(...removal: Parameters<MonitorStore["remove"]>): Promise<void> {
    await this.disk.remove(...removal);
    for (const record of removal[0]) this.identities.dropped(record);
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
    const key = registrationKey(record);
    const before = this.#waiting.get(key);
    const isNew = replaced === undefined || (before?.record === replaced && before.isNew);
    const waiting = { record, isNew };
    this.#waiting.set(key, waiting);
    const [disk, ledger] = await Promise.allSettled([onDisk, recording]);
    const last = this.#waiting.get(key);
    if (last === waiting) this.#waiting.delete(key);
    if (disk.status === "rejected") throw disk.reason;
    if (ledger.status === "fulfilled") {
      if (last !== undefined) last.isNew = false;
      return;
    }
    // A registration that was not acknowledged must not return after a restart. A caller that has
    // repeated its call may still be granted it. The reply does not wait.
    if (waiting.isNew && last === waiting) void this.disk.remove([record]).catch(() => {});
    throw ledger.reason;
  }
}
