/** Server side of one connection: reads calls, writes replies, and bounds its own cost. */

import { RecordParser } from "../rpc/record.ts";
import type { Caller, Respond, StreamConnection } from "../rpc/transport.ts";
import type { ClosingLimit, StreamLimits } from "./stream_limits.ts";

/** Buffer for many small calls at once; a kernel's call has a few hundred bytes. */
const READ_BUFFER_BYTES = 4_096;
const WRITE_BUFFER_BYTES = 1_024;
const HEADER_BYTES = 4;
/** First byte of a record with a single fragment. */
const LAST_FRAGMENT_BIT = 0x80;

/** Dependencies on the server. */
export interface ServedStreamParts {
  readonly respond: Respond;
  readonly limits: StreamLimits;
  /** Exempt from the idle timeout. */
  readonly mayIdle: boolean;
  now(): number;
  /** Announces that {@link ServedStream.deadline} is not later than this. */
  deadlineAt(deadline: number): void;
  /** Called when `respond` throws, which is a bug. */
  respondFailed(caller: Caller, error: unknown): void;
}

export class ServedStream {
  readonly #connection: StreamConnection;
  readonly #parts: ServedStreamParts;
  readonly #parser: RecordParser;
  /** Calls read but not started, since too many are in flight. */
  readonly #waiting: Uint8Array[] = [];
  #inFlight = 0;
  /** Replies queued as records, while a second buffer is being written. */
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

  /** Time of the last activity of the caller. */
  get activeSince(): number {
    return this.#activeSince;
  }

  /** Limit that {@link deadline} comes from. */
  get timeLimit(): ClosingLimit & `${string}TimeoutMs` {
    if (this.#isWriting) return "writeTimeoutMs";
    return this.#isReading && this.#parser.isInsideRecord ? "recordTimeoutMs" : "idleTimeoutMs";
  }

  /** Time at which the connection is closed unless something happens; Infinity: never, or closed already. */
  get deadline(): number {
    const { limits, mayIdle } = this.#parts;
    if (this.#isClosed) return Infinity;
    const limit = this.timeLimit;
    if (limit === "writeTimeoutMs") return this.#writingSince + limits.writeTimeoutMs;
    if (limit === "recordTimeoutMs") return this.#recordSince + limits.recordTimeoutMs;
    return mayIdle || this.#inFlight > 0 ? Infinity : this.#activeSince + limits.idleTimeoutMs;
  }

  /** Settles with the last write, which may be long after the connection was closed. */
  get written(): Promise<void> {
    return this.#written;
  }

  /**
   * Serves the connection and closes it.
   *
   * @throws {RecordError | TransportError} (as a rejection) Why it ended, if not by our own
   * close().
   */
  async run(): Promise<void> {
    try {
      await this.#readCalls();
      // The remote may have closed only its own direction, and still wait for replies.
      while (!this.#isClosed && !this.#isDone) await this.#change();
    } catch (error) {
      // Our own close() fails the read, which is no fault.
      if (!this.#isClosed) throw error;
    } finally {
      this.close();
    }
  }

  /** Closes at once; queued replies are lost. */
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
      // Replies are written before the next read, which mostly finds no data yet.
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
    // Our own processing time does not count as idle.
    this.#activeSince = this.#parts.now();
    if (this.#inFlight === 0 && !this.#isClosed) this.#parts.deadlineAt(this.deadline);
    const { callsInFlightMax } = this.#parts.limits;
    while (this.#waiting.length > 0 && this.#inFlight < callsInFlightMax && !this.#isClosed) {
      this.#answer(this.#waiting.shift()!);
    }
    this.#changed();
  }

  /** Queues a reply; all replies of one turn share a write. */
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

  /** Writes the queue. A failure closes the connection, since replies are lost then. */
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

  /** Settles at the next change of the conditions that {@link run} waits for. */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed = resolve);
  }
}
