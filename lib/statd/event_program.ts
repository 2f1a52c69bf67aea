/**
 * Events program of the administrator (events-program): runs as long as the daemon, and gets each
 * new event of the history as a line of JSON. The daemon never blocks on the program: events are
 * queued up to a limit and dropped beyond it, and the next line has the number of dropped events. A
 * program that ends is restarted with exponential back-off.
 */

import type { Log } from "../log.ts";
import type { NsmEvent } from "../nsm/events.ts";
import { type FedProgram, startFedProgram } from "../platform/fed_program.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { eventLine } from "../store/event_file.ts";
import { type Clock, sleep } from "../time/clock.ts";

/** Maximum number of queued events: those of one second while a whole site reboots. */
const QUEUE_MAX = 1_000;
/** Events per write. If the program ends meanwhile, the whole batch is lost. */
const TOGETHER_MAX = 100;
/** Initial pause before a restart, in ms; doubles each time. */
const PAUSE_MS = 1_000;
/** Maximum pause, in ms. The pause is reset after a run longer than this. */
const PAUSE_MAX_MS = 60_000;
/** Time for the program to read the queue when the daemon ends, in ms. */
const LAST_MS = 500;

export interface EventProgramParts {
  readonly clock: Clock;
  readonly log: Pick<Log, "warning">;
  /** Starts the program; replaced in tests. */
  readonly start?: (path: string) => FedProgram;
}

export class EventProgram {
  readonly #path: string;
  readonly #parts: EventProgramParts;
  #queue: string[] = [];
  /** Number of dropped events, and of dropped events not yet reported to the program. */
  #dropped = 0;
  #unsaid = 0;
  #arrived = Promise.withResolvers<void>();
  /** Settled while the queue is empty. */
  #idle = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  #running: FedProgram | undefined;

  constructor(path: string, parts: EventProgramParts) {
    this.#path = path;
    this.#parts = parts;
    void this.#run();
  }

  /** Number of dropped events. */
  get dropped(): number {
    return this.#dropped;
  }

  readonly note = (event: NsmEvent): void => {
    if (this.#closing.signal.aborted) return;
    if (this.#queue.length >= QUEUE_MAX) return this.#drop(1);
    // Settled again when the program has taken it, however soon close() is called.
    if (this.#queue.length === 0) this.#idle = Promise.withResolvers();
    this.#queue.push(this.#lineOf(event));
    this.#arrived.resolve();
  };

  /** Closes the program's input once the queue is empty; kills a program that is too slow. */
  async close(): Promise<void> {
    const { startTimer } = this.#parts.clock;
    const late = sleep(startTimer, LAST_MS, this.#closing.signal).then(() => "late");
    const isLate = await Promise.race([this.#idle.promise, late]) === "late";
    this.#closing.abort();
    if (isLate) this.#running?.kill();
    else this.#running?.finish();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#closing;
    let pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      const startedAt = clock.now();
      const fault = await this.#feed();
      if (signal.aborted) return;
      if (clock.now() - startedAt > PAUSE_MAX_MS) pauseMs = PAUSE_MS;
      const when = `it is started again in ${pauseMs / 1000} s`;
      log.warning(`Program for events ${quote(this.#path)} ${fault}; ${when}`);
      await sleep(clock.startTimer, pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS);
    }
  }

  /** Runs the program and feeds it events until it ends; returns the reason of its end. */
  async #feed(): Promise<string> {
    let program: FedProgram;
    try {
      program = (this.#parts.start ?? startFedProgram)(this.#path);
    } catch (error) {
      return `was not started: ${reasonOf(error)}`;
    }
    this.#running = program;
    const over = program.ended.then(() => false);
    let isTaking = true;
    while (isTaking) {
      if (this.#queue.length === 0) {
        this.#arrived = Promise.withResolvers();
        this.#idle.resolve();
        isTaking = await Promise.race([over, this.#arrived.promise.then(() => true)]);
      } else isTaking = await this.#giveSome(program, over);
    }
    // A program that closed its input is useless; left running, such processes would pile up.
    program.kill();
    this.#running = undefined;
    return await program.ended;
  }

  /** Writes a batch of queued events; false if the program stopped reading. */
  async #giveSome(program: FedProgram, over: Promise<boolean>): Promise<boolean> {
    const some = this.#queue.splice(0, TOGETHER_MAX);
    const unsaid = this.#unsaid;
    if (unsaid > 0) some.unshift(this.#lineOf({ event: "omitted", count: unsaid }));
    const writing = program.write(some.join("")).then(() => true, () => false);
    const isTaken = await Promise.race([over, writing]);
    if (isTaken) this.#unsaid -= unsaid;
    else this.#drop(some.length - (unsaid > 0 ? 1 : 0));
    return isTaken;
  }

  #drop(count: number): void {
    this.#dropped += count;
    this.#unsaid += count;
  }

  #lineOf(event: NsmEvent): string {
    return eventLine({ at: this.#parts.clock.wallClock(), program: "rpc.statd", ...event });
  }
}
