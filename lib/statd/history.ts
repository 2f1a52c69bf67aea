/** History events of the daemon. */

import project from "../../deno.json" with { type: "json" };
import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import type { Announcer } from "../nsm/announcer.ts";
import type { NoteEvent } from "../nsm/events.ts";
import type { Monitored } from "../nsm/monitor_list.ts";
import { EventFile } from "../store/event_file.ts";
import type { Clock } from "../time/clock.ts";
import { EventProgram } from "./event_program.ts";

const KIB = 1_024;

type HistorySettings = Pick<StatdSettings, "stateDirectoryPath" | "events" | "eventsProgram">;

/** Recorder of events: writes them to the file and to the events program. */
export class History {
  readonly #file: EventFile;
  #program: EventProgram | undefined;

  constructor(
    readonly settings: HistorySettings,
    readonly clock: Clock,
    readonly log: Pick<Log, "warning">,
  ) {
    const { stateDirectoryPath, events } = settings;
    const parts = { program: "rpc.statd", maxBytes: events * KIB, clock, log } as const;
    this.#file = new EventFile(stateDirectoryPath, parts);
  }

  /** Records an event; the file is written in a later turn of the event loop. */
  readonly note: NoteEvent = (event) => {
    this.#file.note(event);
    this.#program?.note(event);
  };

  /** Number of events dropped for the events program. */
  readonly dropped = () => this.#program?.dropped ?? 0;

  /** Starts the events program with the daemon's present user; `isOnDisk` is false if no history is kept. */
  begin(isOnDisk: boolean): void {
    const { eventsProgram } = this.settings;
    if (!isOnDisk) this.#file.turnOff();
    if (eventsProgram !== undefined) this.#program = new EventProgram(eventsProgram, this);
    this.note({ event: "started", reason: `version ${project.version}` });
  }

  async close(): Promise<void> {
    this.#file.close();
    await this.#program?.close();
  }
}

/** Warnings that are no refusals. */
const OF_NO_CONCERN = /while not monitoring any hosts/;
/** Log text of a doubtful notice that is believed. */
const DOUBT = /^SM_NOTIFY of .* is doubtful for peer "/;

/** Wraps a rate-limited log: warnings that it logs become history events too. */
export function notingRefusals(tell: LimitedLog, note: NoteEvent): LimitedLog {
  return (level, key, message) =>
    tell(level, key, () => {
      const reason = message();
      if (level === "warning" && !OF_NO_CONCERN.test(key)) {
        note({ event: DOUBT.test(reason) ? "doubted" : "refused", reason });
      }
      return reason;
    });
}

/** Wraps announce(): a reboot that a peer reported becomes an event. */
export function notingReboots(announcer: Announcer, note: NoteEvent): Announcer["announce"] {
  return (monitored, state, heardAt) => {
    announcer.announce(monitored, state, heardAt); // first, since applications wait for it
    note({
      event: "rebooted",
      peer: monitored.record.monName,
      state,
      address: monitored.heard?.from,
      by: monitored.record.myName,
    });
  };
}

/** Records ends of callbacks, and failures whose reason has changed. */
export function noteCallbacks(
  announcer: Announcer,
  clock: Pick<Clock, "now">,
  note: NoteEvent,
): void {
  const faults = new WeakMap<Monitored, string>();
  announcer.watch((monitored, outcome, fault) => {
    const { record: { monName: peer, myName: by }, lastState: state, heard } = monitored;
    const reason = fault === "" ? undefined : fault;
    if (outcome === "failed") {
      if (faults.get(monitored) === fault) return;
      faults.set(monitored, fault);
      return note({ event: "lockManagerSilent", peer, by, state, reason });
    }
    faults.delete(monitored);
    if (outcome === "given up") {
      return note({ event: "lockManagerGivenUp", peer, by, state, reason });
    }
    const ms = heard === undefined ? undefined : Math.round(clock.now() - heard.at);
    note({ event: "lockManagerTold", peer, by, state, ms });
  });
}
