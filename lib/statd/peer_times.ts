/**
 * When registrations were made and when their peers were heard of, as far as this daemon has seen it:
 * for people, so it lives in memory and goes with the registration.
 */

import type { Monitored } from "../nsm/monitor_list.ts";
import type { MonitorRecord } from "../nsm/ports.ts";

export class PeerTimes {
  readonly #since = new WeakMap<MonitorRecord, number>();
  readonly #heardAt = new WeakMap<Monitored, number>();

  constructor(readonly wallClock: () => number) {}

  /** A record was made durable. */
  registered(record: MonitorRecord): void {
    this.#since.set(record, this.wallClock());
  }

  /** A notice concerned a registration. */
  heard(monitored: Monitored): void {
    this.#heardAt.set(monitored, this.wallClock());
  }

  /** Milliseconds since 1970; undefined for what was loaded from disk. */
  since(record: MonitorRecord): number | undefined {
    return this.#since.get(record);
  }

  /** Milliseconds since 1970. */
  heardAt(monitored: Monitored): number | undefined {
    return this.#heardAt.get(monitored);
  }
}
