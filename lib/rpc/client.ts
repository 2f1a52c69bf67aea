/**
 * Client's side of RPC over any transport: one attempt of one call. Repeating is the caller's business.
 * Bytes left over after the results are ignored.
 *
 * Xids are random, so that an off-path attacker cannot answer a call. Xid 0 is as good as any.
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

/** Clock and chance of a client. */
export interface ClientParts {
  readonly startTimer: StartTimer;
  /** An unpredictable unsigned 32-bit number. */
  readonly randomXid: () => number;
}

/** A call that was sent and has no reply yet. */
interface Outstanding {
  readonly to: Endpoint;
  readonly name: string;
  readonly procedure: Procedure;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly cancelTimer: () => void;
}

/**
 * Sends one message, whose bytes are only valid during the call. What it returns rejects when the
 * message could not be sent; it is nothing where that is not found out later.
 */
export type SendCall = (
  message: Uint8Array<ArrayBuffer>,
  to: Endpoint,
) => Promise<void> | undefined;

/** A call as it was sent before, and may be sent again with another xid. */
interface EncodedCall {
  /** Versions of a program share procedures; they differ in the header. */
  readonly program: Program<Procedures>;
  readonly procedure: Procedure;
  readonly message: Uint8Array<ArrayBuffer>;
}

/** The calls of one client that wait for their replies. */
export class OutstandingCalls {
  readonly #parts: ClientParts;
  readonly #send: SendCall;
  readonly #calls = new Map<number, Outstanding>();
  /** One buffer for all calls: no message is looked at after it was sent. */
  readonly #writer = new XdrWriter();
  /** Calls with arguments that cannot change, but for the xid. */
  readonly #encoded = new WeakMap<object, EncodedCall>();

  constructor(parts: ClientParts, send: SendCall) {
    this.#parts = parts;
    this.#send = send;
  }

  /**
   * Sends one call once and waits until it is settled.
   *
   * @throws {RpcError} No reply in time, or another one than SUCCESS.
   * @throws {XdrError} When the arguments have no encoding; nothing was sent then.
   * @throws Whatever sending failed with, or {@link failAll} was given.
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
      const message = this.#encode(program, name, args, xid);
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
      this.#send(message, to)?.catch((error) => this.#fail(xid, call, error));
    });
  }

  /**
   * Settles the call that a message is the reply to, going by its xid and, where the transport does not
   * vouch for it, by where it came from. The bytes are not used after it has returned.
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

  /** Settles every call with the error that `reason` makes for it. */
  failAll(reason: (to: Endpoint) => Error): void {
    for (const [xid, call] of [...this.#calls]) this.#fail(xid, call, reason(call.to));
  }

  /** The bytes of a call, until the next one. Arguments that cannot change are encoded once. */
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

/** Copy of a message with another xid, which is its first word. */
function withXid(message: Uint8Array<ArrayBuffer>, xid: number): Uint8Array<ArrayBuffer> {
  putWord(message, 0, xid);
  return message;
}

/** True if two endpoints are equal, as far as both are known. */
function isSame(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && withoutScope(one.address) === withoutScope(other.address);
}
