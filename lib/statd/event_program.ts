/**
 * The administrator's program for events (events-program): it is started once, and gets each event of the
 * history as a line of JSON, when it happens. Nobody waits for it: events queue up to a limit, beyond it
 * they are dropped, and the next line says how many. When it ends it is started again, with a back-off.
 */

import type { Log } from "../log.ts";
import type { NsmEvent } from "../nsm/events.ts";
import { reasonOf } from "../nsm/ports.ts";
import { type FedProgram, startFedProgram } from "../platform/fed_program.ts";
import { quote } from "../quote.ts";
import { eventLine } from "../store/event_file.ts";
import { type Clock, sleep } from "../time/clock.ts";

/** Events that wait, in number: what a site's reboot makes in a second. */
const QUEUE_MAX = 1_000;
/** Events of one write: all of them are lost where the program ends meanwhile. */
const TOGETHER_MAX = 100;
/** Pause before the program is started again, in ms; each time twice as long. */
const PAUSE_MS = 1_000;
/** Longest pause, and how long a program has to run for the next pause to be short again, in ms. */
const PAUSE_MAX_MS = 60_000;
/** How long the end of the daemon waits for the program to take what is left, in ms. */
const LAST_MS = 500;

export interface EventProgramParts {
  readonly clock: Clock;
  readonly log: Pick<Log, "warning">;
  /** The machine's own, unless a test puts another one in its place. */
  readonly start?: (path: string) => FedProgram;
}

export class EventProgram {
  readonly #path: string;
  readonly #parts: EventProgramParts;
  #queue: string[] = [];
  /** Events that the program was not given, and of those how many no line has said. */
  #dropped = 0;
  #unsaid = 0;
  #arrived = Promise.withResolvers<void>();
  /** Settled while nothing waits for the program. */
  #idle = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  #running: FedProgram | undefined;

  constructor(path: string, parts: EventProgramParts) {
    this.#path = path;
    this.#parts = parts;
    void this.#run();
  }

  /** Events that the program did not get. */
  get dropped(): number {
    return this.#dropped;
  }

  readonly note = (event: NsmEvent): void => {
    if (this.#closing.signal.aborted) return;
    if (this.#queue.length >= QUEUE_MAX) return this.#drop(1);
    this.#queue.push(this.#lineOf(event));
    this.#arrived.resolve();
  };

  /** Ends the input of the program when it has taken what is left; one that does not take it is killed. */
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

  /** Starts the program, and gives it events until it ends; why it did, in words. */
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
        this.#idle = Promise.withResolvers();
      } else isTaking = await this.#giveSome(program, over);
    }
    // One that reads no more is of no use, and would be one more with each start.
    program.kill();
    this.#running = undefined;
    return await program.ended;
  }

  /** Gives it the events that wait; whether it goes on taking them. */
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
