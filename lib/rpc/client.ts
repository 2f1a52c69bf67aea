/**
 * RPC client over any transport: one attempt of one call; retries are up to the caller. Bytes after
 * the results are ignored.
 *
 * Xids are random, so that an off-path attacker cannot forge a reply. Xid 0 is valid.
 *
 * Source: RFC 5531 sections 8 and 9.
 */

import { XdrReader } from "../xdr/reader.ts";
import { putWord, XdrWriter } from "../xdr/writer.ts";
import { readReply, readXid, writeCall } from "./client_messages.ts";
import { RpcError } from "./errors.ts";
import type { Args, Procedure, Procedures, Program, Result } from "./program.ts";
import { type Endpoint, withoutScope } from "./transport.ts";
import type { StartTimer } from "../time/clock.ts";

/** Dependencies of a client. */
export interface ClientParts {
  readonly startTimer: StartTimer;
  /** Unpredictable unsigned 32-bit number. */
  readonly randomXid: () => number;
}

/** Call that was sent and has no reply yet. */
interface Outstanding {
  readonly to: Endpoint;
  readonly name: string;
  readonly procedure: Procedure;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly cancelTimer: () => void;
}

/**
 * Sends one message, whose bytes are valid only during the call. The promise rejects when it cannot
 * be sent; undefined if failures are not reported later.
 */
export type SendCall = (
  message: Uint8Array<ArrayBuffer>,
  to: Endpoint,
) => Promise<void> | undefined;

/** Encoded call, for sending it again with another xid. */
interface EncodedCall {
  /** Program version, as versions share procedures and differ in the header. */
  readonly program: Program<Procedures>;
  readonly procedure: Procedure;
  readonly message: Uint8Array<ArrayBuffer>;
}

/** Outstanding calls of one client, matched by xid. */
export class OutstandingCalls {
  readonly #parts: ClientParts;
  readonly #send: SendCall;
  readonly #calls = new Map<number, Outstanding>();
  /** Buffer for all calls; a message is not used after it was sent. */
  readonly #writer = new XdrWriter();
  /** Cache of calls with frozen arguments, encoded but for the xid. */
  readonly #encoded = new WeakMap<object, EncodedCall>();

  constructor(parts: ClientParts, send: SendCall) {
    this.#parts = parts;
    this.#send = send;
  }

  /**
   * Sends one call once and waits for its reply.
   *
   * @throws {RpcError} No reply in time, or a status other than SUCCESS.
   * @throws {XdrError} When the arguments have no encoding; nothing was sent then.
   * @throws The error of sending, or the one passed to {@link failAll}.
   */
  call<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    to: Endpoint,
    timeoutMs: number,
  ): Promise<Result<P[K]>> {
    return new Promise((resolve, reject) => {
      const xid = this.#freeXid();
      // The call leaves before anything else is done: a lock manager may wait for it.
      const sending = this.#send(this.#encode(program, name, args, xid), to);
      const cancelTimer = this.#parts.startTimer(timeoutMs, () => {
        this.#fail(xid, call, new RpcError(name, to, { kind: "timeout", elapsedMs: timeoutMs }));
      });
      const procedure = program.procedures[name]!;
      const call: Outstanding = {
        to,
        name,
        procedure,
        resolve: resolve as (result: unknown) => void,
        reject,
        cancelTimer,
      };
      this.#calls.set(xid, call);
      sending?.catch((error) => this.#fail(xid, call, error));
    });
  }

  /**
   * Settles the call that a message replies to, matched by xid and, unless the transport guarantees
   * it, by source address. The bytes are not used after the return.
   */
  receive(message: Uint8Array, from?: Endpoint): void {
    const reader = new XdrReader(message);
    const xid = readXid(reader);
    const call = xid === undefined ? undefined : this.#calls.get(xid);
    if (call === undefined || (from !== undefined && !isSame(call.to, from))) return;
    this.#calls.delete(xid!);
    call.cancelTimer();
    try {
      const reply = readReply(call.procedure, reader);
      if (reply.ok) call.resolve(reply.result);
      else call.reject(new RpcError(call.name, call.to, reply.failure));
    } catch (error) {
      call.reject(error);
    }
  }

  /** Rejects every outstanding call with an error made by `reason`. */
  failAll(reason: (to: Endpoint) => Error): void {
    for (const [xid, call] of [...this.#calls]) this.#fail(xid, call, reason(call.to));
  }

  /** Encodes a call, valid until the next one. Calls with frozen arguments are cached. */
  #encode<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    xid: number,
  ): Uint8Array<ArrayBuffer> {
    const procedure = program.procedures[name]!;
    const isFixed = typeof args === "object" && args !== null && Object.isFrozen(args);
    const known = isFixed ? this.#encoded.get(args) : undefined;
    if (known?.program === program && known.procedure === procedure) {
      return withXid(known.message, xid);
    }
    this.#writer.reset();
    writeCall(this.#writer, program, name, args, xid);
    if (isFixed) this.#encoded.set(args, { program, procedure, message: this.#writer.bytes() });
    return this.#writer.view();
  }

  #fail(xid: number, call: Outstanding, error: unknown): void {
    if (this.#calls.get(xid) !== call) return;
    this.#calls.delete(xid);
    call.cancelTimer();
    call.reject(error);
  }

  #freeXid(): number {
    for (;;) {
      const xid = this.#parts.randomXid();
      if (!this.#calls.has(xid)) return xid;
    }
  }
}

/** Sets the xid, the first word of a message, in place. */
function withXid(message: Uint8Array<ArrayBuffer>, xid: number): Uint8Array<ArrayBuffer> {
  putWord(message, 0, xid);
  return message;
}

/** Whether two endpoints are equal, ignoring scopes. */
function isSame(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && withoutScope(one.address) === withoutScope(other.address);
}
