/** The server's side of one connection: calls in, replies out, and what it costs us at most. */

import { RecordParser } from "../rpc/record.ts";
import type { Caller, Respond, StreamConnection } from "../rpc/transport.ts";
import type { ClosingLimit, StreamLimits } from "./stream_limits.ts";

/** A kernel's calls have a few hundred bytes; many small ones come in one read. */
const READ_BUFFER_BYTES = 4_096;
const WRITE_BUFFER_BYTES = 1_024;
const HEADER_BYTES = 4;
/** In the first byte of a record that consists of one fragment. */
const LAST_FRAGMENT_BIT = 0x80;

/** Parts of the server that a connection uses. */
export interface ServedStreamParts {
  readonly respond: Respond;
  readonly limits: StreamLimits;
  /** Without idle time-out. */
  readonly mayIdle: boolean;
  now(): number;
  /** {@link ServedStream.deadline} is not later than this from now on. */
  deadlineAt(deadline: number): void;
  /** `respond` threw: a bug. */
  respondFailed(caller: Caller, error: unknown): void;
}

export class ServedStream {
  readonly #connection: StreamConnection;
  readonly #parts: ServedStreamParts;
  readonly #parser: RecordParser;
  /** Calls that were read and not begun, because too many are under way. */
  readonly #waiting: Uint8Array[] = [];
  #inFlight = 0;
  /** Replies that wait to be written, as records, while a second buffer is being written. */
  #unsent = new Uint8Array(WRITE_BUFFER_BYTES);
  #unsentLength = 0;
  #spare = new Uint8Array(WRITE_BUFFER_BYTES);
  #isFlushDue = false;
  #isWriting = false;
  #written = Promise.resolve();
  #writingSince = 0;
  #isReading = false;
  #recordSince = 0;
  #activeSince: number;
  #isClosed = false;
  #changed = () => {};

  constructor(
    connection: StreamConnection,
    readonly caller: Caller,
    parts: ServedStreamParts,
  ) {
    this.#connection = connection;
    this.#parts = parts;
    this.#parser = new RecordParser(parts.limits.recordMaxBytes);
    this.#activeSince = parts.now();
    parts.deadlineAt(this.deadline);
  }

  /** When it last sent something. */
  get activeSince(): number {
    return this.#activeSince;
  }

  /** The limit that {@link deadline} comes from. */
  get timeLimit(): ClosingLimit & `${string}TimeoutMs` {
    if (this.#isWriting) return "writeTimeoutMs";
    return this.#isReading && this.#parser.isInsideRecord ? "recordTimeoutMs" : "idleTimeoutMs";
  }

  /** When it is to be closed if nothing happens until then; Infinity for never, or if it was. */
  get deadline(): number {
    const { limits, mayIdle } = this.#parts;
    if (this.#isClosed) return Infinity;
    const limit = this.timeLimit;
    if (limit === "writeTimeoutMs") return this.#writingSince + limits.writeTimeoutMs;
    if (limit === "recordTimeoutMs") return this.#recordSince + limits.recordTimeoutMs;
    return mayIdle || this.#inFlight > 0 ? Infinity : this.#activeSince + limits.idleTimeoutMs;
  }

  /** Settles when the last write has, which may be long after the connection was closed. */
  get written(): Promise<void> {
    return this.#written;
  }

  /**
   * Serves the connection and closes it.
   *
   * @throws {RecordError | TransportError} (as a rejection) Why it ended, if not by its own will.
   */
  async run(): Promise<void> {
    try {
      await this.#readCalls();
      // The remote may have closed only its own direction and still wait for replies.
      while (!this.#isClosed && !this.#isDone) await this.#change();
    } catch (error) {
      // Our own closing ends the read as well, which is no news.
      if (!this.#isClosed) throw error;
    } finally {
      this.close();
    }
  }

  /** Ends it at once; what was not written is lost. */
  close(): void {
    this.#isClosed = true;
    this.#connection.close();
    this.#changed();
  }

  get #isDone(): boolean {
    const isQuiet = this.#waiting.length === 0 && this.#inFlight === 0;
    return isQuiet && this.#unsentLength === 0 && !this.#isWriting;
  }

  get #isFull(): boolean {
    return this.#waiting.length > 0 || this.#unsentLength > this.#parts.limits.unsentMaxBytes;
  }

  async #readCalls(): Promise<void> {
    const { now, limits, deadlineAt } = this.#parts;
    const buffer = new Uint8Array(READ_BUFFER_BYTES);
    while (!this.#isClosed) {
      this.#isReading = true;
      const length = await this.#connection.read(buffer);
      this.#isReading = false;
      if (length === null) return;
      const wasInside = this.#parser.isInsideRecord;
      let records = 0;
      this.#activeSince = now();
      this.#parser.push(buffer.subarray(0, length), (call) => {
        records++;
        this.#take(call);
      });
      // The replies leave first: the next read is a call of the system that mostly finds nothing yet.
      while (this.#isFlushDue) await undefined;
      const wasFull = this.#isFull;
      while (this.#isFull && !this.#isClosed) await this.#change();
      if (this.#parser.isInsideRecord && (!wasInside || records > 0 || wasFull)) {
        this.#recordSince = now();
        deadlineAt(this.#recordSince + limits.recordTimeoutMs);
      }
    }
  }

  #take(call: Uint8Array): void {
    if (this.#waiting.length === 0 && this.#inFlight < this.#parts.limits.callsInFlightMax) {
      this.#answer(call);
    } else this.#waiting.push(call);
  }

  #answer(call: Uint8Array): void {
    try {
      const answer = this.#parts.respond(call, this.caller);
      if (answer instanceof Promise) this.#answerLater(answer);
      else if (answer !== undefined) this.#append(answer);
    } catch (error) {
      this.#parts.respondFailed(this.caller, error);
    }
  }

  async #answerLater(answer: Promise<Uint8Array | undefined>): Promise<void> {
    this.#inFlight++;
    try {
      const reply = await answer;
      if (reply !== undefined) this.#append(reply);
    } catch (error) {
      this.#parts.respondFailed(this.caller, error);
    }
    this.#inFlight--;
    // The time that we took is not the caller's idleness.
    this.#activeSince = this.#parts.now();
    if (this.#inFlight === 0 && !this.#isClosed) this.#parts.deadlineAt(this.deadline);
    const { callsInFlightMax } = this.#parts.limits;
    while (this.#waiting.length > 0 && this.#inFlight < callsInFlightMax && !this.#isClosed) {
      this.#answer(this.#waiting.shift()!);
    }
    this.#changed();
  }

  /** Queues a reply; all replies of one turn leave in one write. */
  #append(reply: Uint8Array): void {
    if (this.#isClosed) return;
    const at = this.#unsentLength;
    const end = at + HEADER_BYTES + reply.length;
    if (end > this.#unsent.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#unsent.length));
      larger.set(this.#unsent.subarray(0, at));
      this.#unsent = larger;
    }
    this.#unsent[at] = LAST_FRAGMENT_BIT | reply.length >>> 24;
    this.#unsent[at + 1] = reply.length >>> 16;
    this.#unsent[at + 2] = reply.length >>> 8;
    this.#unsent[at + 3] = reply.length;
    this.#unsent.set(reply, at + HEADER_BYTES);
    this.#unsentLength = end;
    if (this.#isFlushDue || this.#isWriting) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.#written = this.#flush();
    });
  }

  /** Writes until nothing is left; a failure closes the connection, since replies are missing then. */
  async #flush(): Promise<void> {
    const { now, limits, deadlineAt } = this.#parts;
    this.#isWriting = true;
    try {
      while (this.#unsentLength > 0 && !this.#isClosed) {
        const bytes = this.#unsent.subarray(0, this.#unsentLength);
        [this.#unsent, this.#spare] = [this.#spare, this.#unsent];
        this.#unsentLength = 0;
        this.#writingSince = now();
        deadlineAt(this.#writingSince + limits.writeTimeoutMs);
        await this.#connection.write(bytes);
        this.#changed();
      }
    } catch {
      // Reset or broken pipe: the remote does not want its replies.
      this.close();
    }
    this.#isWriting = false;
    if (!this.#isClosed) deadlineAt(this.deadline);
    this.#changed();
  }

  /** Settles at the next change of what {@link run} waits for. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed = resolve);
  }
}
