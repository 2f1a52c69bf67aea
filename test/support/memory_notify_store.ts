/** In-memory notify list and peer memory. */

import type { NotifyRecord, PeerFacts, PeerMemory } from "../../lib/nsm/ports.ts";

export class MemoryNotifyStore {
  readonly records = new Set<NotifyRecord>();

  add(fileName: string, more: Partial<NotifyRecord> = {}): NotifyRecord {
    const record = { fileName, monName: fileName, myName: "me", modifiedAt: 0, ...more };
    this.records.add(record);
    return record;
  }
  remove(record: NotifyRecord): Promise<void> {
    this.records.delete(record);
    return Promise.resolve();
  }
  has(record: NotifyRecord): boolean {
    return this.records.has(record);
  }
}

export class MemoryPeerMemory implements PeerMemory {
  readonly facts = new Map<string, PeerFacts>();

  load(): Map<string, PeerFacts> {
    return new Map(this.facts);
  }
  *loadInSteps(): Generator<void, Map<string, PeerFacts>> {
    yield;
    return this.load();
  }
  note(monName: string, facts: Partial<PeerFacts>, reached: readonly string[] = []): void {
    const merged = { addresses: [], ...this.facts.get(monName), ...facts };
    const addresses = [...new Set([...reached, ...merged.addresses])];
    this.facts.set(monName, { ...merged, addresses });
  }
  flush(_isLast?: boolean): void {}
  forget(monName: string): void {
    this.facts.delete(monName);
  }
}
