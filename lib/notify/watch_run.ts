/** Records of a run for people: its progress file, and history events of each peer. */

import type { SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { NotifierParts } from "../nsm/notify/notifier.ts";
import type { NotifyCounts, NotifyReport } from "../nsm/notify/notify_outcome.ts";
import type { NotifyRecord } from "../nsm/ports.ts";
import { EventFile } from "../store/event_file.ts";
import { ProgressFile } from "../store/notify_progress.ts";
import type { Clock } from "../time/clock.ts";

const KIB = 1_024;
const KINDS = { told: "told", "gave up": "notTold", forgotten: "leftAlone" } as const;

/** Facts about the run. */
export interface RunFacts {
  readonly settings: Pick<SmNotifySettings, "stateDirectoryPath" | "events">;
  readonly stateNumber: number;
  /** Time limit, in ms from its start; Infinity: none. */
  readonly totalMs: number;
  readonly counts: () => NotifyCounts;
  readonly clock: Clock;
  readonly log: Log;
}

export class RunWatcher {
  readonly #facts: RunFacts;
  readonly #history: EventFile;
  readonly #progress: ProgressFile;
  readonly #startedAt: number;

  constructor(facts: RunFacts) {
    const { settings: { stateDirectoryPath, events }, clock, log } = facts;
    this.#facts = facts;
    const parts = { program: "sm-notify", maxBytes: events * KIB, clock, log } as const;
    this.#history = new EventFile(stateDirectoryPath, parts);
    this.#progress = new ProgressFile(stateDirectoryPath, facts);
    this.#startedAt = clock.now();
  }

  start(): void {
    const { counts, stateNumber: state } = this.#facts;
    this.#history.note({ event: "notifying", count: counts().total, state });
    this.#progress.start();
  }

  /** Records a failed turn. */
  readonly failed: NonNullable<NotifierParts["onFailed"]> = (failure) => {
    const { record, address, reason, attempts, nextMs, isNew } = failure;
    const { monName: peer } = record;
    const nextAt = Math.round(this.#facts.clock.wallClock() + nextMs);
    this.#progress.failed(keyOf(record), { peer, address, reason, attempts, nextAt });
    if (isNew) this.#history.note({ event: "notYetTold", peer, address, attempts, reason });
  };

  /** Records a settled peer. */
  readonly settled = (report: NotifyReport): void => {
    const { record, outcome, address, transport, attempts, elapsedMs, fault: reason } = report;
    const { monName: peer } = record;
    const [event, ms] = [KINDS[outcome], Math.round(elapsedMs)];
    if (outcome === "gave up") {
      const why = reason ?? "no answer";
      this.#progress.failed(keyOf(record), { peer, address, reason: why, attempts });
    } else this.#progress.settled(keyOf(record));
    this.#history.note({ event, peer, address, transport, attempts, ms, reason });
  };

  /** Records the end of the run; `reason` is set if it was cut short. */
  end(reason?: string): void {
    const { counts, clock, stateNumber: state } = this.#facts;
    const ms = Math.round(clock.now() - this.#startedAt);
    this.#history.note({ event: "notified", count: counts().told, state, ms, reason });
    this.#history.close();
    this.#progress.end();
  }
}

function keyOf({ fileName, monName, myName }: NotifyRecord): string {
  return `${fileName} ${monName} ${myName}`;
}
