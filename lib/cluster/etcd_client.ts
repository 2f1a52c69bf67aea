/**
 * etcd client over the JSON gateway: several endpoints, a time budget for each call, and
 * authentication.
 *
 * The endpoint that answered last is asked first. The next endpoint is asked when one fails, or as
 * a hedge when it is slow; the first answer counts. So a call may be executed twice, or after it
 * was given up: callers have to make that harmless ({@link Answer.isSingle}).
 *
 * Only well-formed answers from the expected cluster count.
 */

import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";
import { EtcdAuthentication } from "./etcd_authentication.ts";
import { otherError, parseError, parseReply, type Reply } from "./etcd_messages.ts";
import { LedgerError, SilentLedgerError } from "./ledger.ts";

/** HTTP request. */
export interface EtcdRequest {
  readonly url: string;
  readonly body: string;
  readonly token: string | undefined;
  /** Aborted when no caller waits any more. */
  readonly signal: AbortSignal;
}

/** HTTP response of an endpoint. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends a request; rejects without a response, or if it is too long. */
export type EtcdTransport = (request: EtcdRequest) => Promise<HttpAnswer>;

/** Connection settings of a cluster. */
export interface EtcdSettings {
  /** `http://HOST:PORT` or `https://HOST:PORT`, without a trailing slash. */
  readonly endpoints: readonly string[];
  readonly user?: string;
  readonly timeoutMs: number;
}

export interface EtcdParts {
  readonly settings: EtcdSettings;
  /** Present password of the user. */
  readonly password: () => string | undefined;
  readonly transport: EtcdTransport;
  readonly clock: Clock;
}

/** Result of a call. */
export interface Answer {
  readonly reply: Reply;
  /** Whether the call was sent only once, so that no second copy of it can be executed later. */
  readonly isSingle: boolean;
}

/** Paths of the calls that ledgers make. */
export const RANGE = "/v3/kv/range";
export const TXN = "/v3/kv/txn";
/** Hedging delay: silence of an endpoint before the next one is asked too, in ms. */
const HEDGE_MS = 300;
/** Pause before endpoints without a leader are asked again, in ms: an election takes a second. */
const AGAIN_MS = 100;
/** Timeout for comparing cluster ids, in ms: dead endpoints are common in a take-over. */
const COMPARE_MS = 300;
const UNAVAILABLE = 14;
const RESOURCE_EXHAUSTED = 8;
/** Errors of a cluster that has no leader at the moment, or is overloaded. */
const PASSES = /no leader|leader changed|timed out|too many requests|raft proposal dropped/;
const GATEWAY_OFF =
  "it has no JSON gateway: set enable-grpc-gateway: true in its configuration, version 3.4 or later";

/** Failure of one endpoint; `passes`: it is temporary. */
class EndpointError extends Error {
  constructor(message: string, readonly passes: boolean, readonly isFinal = false) {
    super(message);
  }
}

export class EtcdClient {
  readonly #parts: EtcdParts;
  readonly #authentication: EtcdAuthentication;
  /** Index of the endpoint that answered last. */
  #preferred = 0;
  #clusterId: string | undefined;

  constructor(parts: EtcdParts) {
    this.#parts = parts;
    this.#authentication = new EtcdAuthentication(parts);
  }

  /** Makes a call. @throws {LedgerError} (as a rejection) Within the budget. */
  call(path: string, body: string): Promise<Answer> {
    return new Call(this.#parts, this.#order(), (endpoint, signal) => {
      return this.#attempt(endpoint, path, body, signal);
    }).answer;
  }

  /**
   * Compares the cluster ids of all endpoints that answer soon.
   *
   * @throws {LedgerError} (as a rejection) When they belong to several clusters, each with its own
   * owner.
   */
  async requireOneCluster(path: string, body: string): Promise<void> {
    const { settings: { endpoints }, clock } = this.#parts;
    const controller = new AbortController();
    const cancel = clock.startTimer(COMPARE_MS, () => controller.abort());
    const ids = await Promise.all(endpoints.map(async (endpoint) => {
      const attempt = this.#attempt(endpoint, path, body, controller.signal, false);
      return await attempt.then(({ clusterId }) => clusterId, () => undefined);
    }));
    cancel();
    const [first, other] = new Set(ids.filter((id) => id !== undefined));
    if (first === undefined || other === undefined) return;
    const ends = [first, other].map((id) => endpoints[ids.indexOf(id)]).join(" and ");
    throw new LedgerError(`etcd: ${ends} belong to different clusters`);
  }

  /** Endpoints in the order of asking. */
  #order(): readonly string[] {
    const { endpoints } = this.#parts.settings;
    return [...endpoints.slice(this.#preferred), ...endpoints.slice(0, this.#preferred)];
  }

  async #attempt(
    endpoint: string,
    path: string,
    body: string,
    signal: AbortSignal,
    isBinding = true,
  ): Promise<Reply> {
    const url = `${endpoint}${path}`;
    const { status, text } = await this.#authentication.authenticated(
      endpoint,
      (token) => this.#parts.transport({ url, body, token, signal }),
    );
    const reply = judged(status, text);
    if (!isBinding) return reply;
    if (this.#clusterId !== undefined && this.#clusterId !== reply.clusterId) {
      throw new EndpointError("it now belongs to another cluster", false);
    }
    this.#clusterId = reply.clusterId;
    this.#preferred = this.#parts.settings.endpoints.indexOf(endpoint);
    return reply;
  }
}

/** One call: its attempts and its result. */
class Call {
  readonly #outcome = Promise.withResolvers<Answer>();
  readonly #controller = new AbortController();
  readonly #cancelBudget: () => void;
  #cancelNext: () => void = () => {};
  #isDone = false;
  #asked = 0;
  #running = 0;
  /** Endpoints asked in this round. */
  #inRound = 0;
  /** Last failure of each endpoint. */
  readonly #faults = new Map<string, string>();
  #allPass = true;

  constructor(
    readonly parts: EtcdParts,
    readonly endpoints: readonly string[],
    readonly attempt: (endpoint: string, signal: AbortSignal) => Promise<Reply>,
  ) {
    const { settings: { timeoutMs }, clock } = parts;
    this.#cancelBudget = clock.startTimer(timeoutMs, () => {
      this.#fail(new SilentLedgerError(this.#text(`no answer for ${timeoutMs} ms`)));
    });
    this.#askNext();
  }

  get answer(): Promise<Answer> {
    return this.#outcome.promise;
  }

  #askNext(): void {
    if (this.#isDone) return;
    const endpoint = this.endpoints[this.#inRound];
    this.#cancelNext();
    if (endpoint === undefined) return;
    this.#inRound++;
    this.#asked++;
    this.#running++;
    this.#cancelNext = this.parts.clock.startTimer(HEDGE_MS, () => this.#askNext());
    this.attempt(endpoint, this.#controller.signal).then(
      (reply) => this.#end(() => this.#outcome.resolve({ reply, isSingle: this.#asked === 1 })),
      (error) => this.#failed(endpoint, error),
    );
  }

  #failed(endpoint: string, error: unknown): void {
    if (this.#isDone) return;
    this.#running--;
    this.#faults.set(endpoint, reasonOf(error));
    this.#allPass &&= error instanceof EndpointError && error.passes;
    if (error instanceof EndpointError && error.isFinal) {
      this.#fail(new LedgerError(this.#text("refused")));
    } else if (this.#inRound < this.endpoints.length) this.#askNext();
    else if (this.#running === 0) this.#endRound();
  }

  /** All endpoints have failed; if all failures are temporary, a new round starts. */
  #endRound(): void {
    if (!this.#allPass) return this.#fail(new SilentLedgerError(this.#text("no endpoint works")));
    this.#inRound = 0;
    this.#cancelNext();
    this.#cancelNext = this.parts.clock.startTimer(AGAIN_MS, () => this.#askNext());
  }

  #fail(error: LedgerError): void {
    this.#end(() => this.#outcome.reject(error));
  }

  #end(settle: () => void): void {
    if (this.#isDone) return;
    this.#isDone = true;
    settle();
    this.#cancelBudget();
    this.#cancelNext();
    this.#controller.abort();
  }

  #text(what: string): string {
    const byFault = Map.groupBy(this.#faults, ([, fault]) => fault);
    const faults = [...byFault].map(([fault, entries]) =>
      `${entries.map(([endpoint]) => endpoint).join(", ")}: ${fault}`
    );
    return `etcd: ${[what, ...faults].join("; ")}`;
  }
}

/** Parses an endpoint's response. @throws {EndpointError} */
export function judged(status: number, text: string): Reply {
  if (status === 200) {
    const reply = parseReply(text);
    if (reply !== undefined) return reply;
    if (text === "") throw new EndpointError("its answer is empty", false);
    throw new EndpointError(`its answer is not etcd's: ${quote(text.slice(0, 60))}`, false);
  }
  const error = parseError(text);
  if (error === undefined) {
    throw new EndpointError(
      status === 404 ? GATEWAY_OFF : otherError(status, text),
      false,
    );
  }
  const { code, message } = error;
  const passes = (code === UNAVAILABLE || code === RESOURCE_EXHAUSTED) && PASSES.test(message);
  const isFinal = /permission denied|mvcc: database space exceeded/.test(message);
  throw new EndpointError(`${advised(message)}`, passes, isFinal);
}

/** Error text of etcd, with advice. */
function advised(message: string): string {
  const said = quote(message).slice(1, -1);
  if (message.includes("permission denied")) {
    return `${said}: the user needs the right to read and write below the prefix`;
  }
  if (message.includes("user name is empty")) return `${said}: it requires a user and a password`;
  if (message.includes("database space exceeded")) {
    return `${said}: compact and defragment it, then etcdctl alarm disarm`;
  }
  return said;
}
