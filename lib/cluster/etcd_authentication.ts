/**
 * Tokens of an etcd user. Simple tokens expire 5 minutes after their last use, and any change of
 * users and roles invalidates JWTs. So any call may be refused, and is repeated once with a new
 * token.
 */

import { quote } from "../quote.ts";
import type { EtcdParts, HttpAnswer } from "./etcd_client.ts";
import { otherError, parseError, parseReply } from "./etcd_messages.ts";
import { LedgerError } from "./ledger.ts";

const PATH = "/v3/auth/authenticate";
/** Time for which a refused password is not retried, in ms: checking one is expensive for etcd. */
const REFUSED_MS = 5_000;
const UNAUTHENTICATED = 16;
const OLD_TOKEN = /invalid auth token|revision of auth store is old|user name is empty/;

/** Time for which a cluster without users counts as such, in ms. */
const NO_USERS_MS = 60_000;

export class EtcdAuthentication {
  #token: string | undefined;
  /** Time until which no token is needed. */
  #noneUntil = -Infinity;
  /** Authentication requests in progress, by endpoint. */
  readonly #asking = new Map<string, Promise<string | undefined>>();
  #refusal: { readonly password: string; readonly at: number; readonly reason: string } | undefined;

  constructor(readonly parts: EtcdParts) {}

  /** Makes a call with a token, and repeats it with a new one if it is refused. */
  async authenticated(
    endpoint: string,
    send: (token: string | undefined) => Promise<HttpAnswer>,
  ): Promise<HttpAnswer> {
    if (this.parts.settings.user === undefined) return await send(undefined);
    const token = await this.#tokenOf(endpoint);
    let answer: HttpAnswer;
    try {
      answer = await send(token);
    } catch (error) {
      this.#forget(token); // some versions close the connection when a token is invalid
      throw error;
    }
    if (!isRefusal(answer)) return answer;
    this.#forget(token);
    return await send(await this.#tokenOf(endpoint));
  }

  async #tokenOf(endpoint: string): Promise<string | undefined> {
    if (this.#token !== undefined) return this.#token;
    if (this.parts.clock.now() < this.#noneUntil) return undefined;
    const before = this.#asking.get(endpoint);
    if (before !== undefined) return await before;
    const asking = this.#askFor(endpoint).finally(() => this.#asking.delete(endpoint));
    this.#asking.set(endpoint, asking);
    return await asking;
  }

  #forget(token: string | undefined): void {
    if (this.#token !== token) return;
    this.#token = undefined;
    this.#noneUntil = -Infinity;
  }

  async #askFor(endpoint: string): Promise<string | undefined> {
    const { settings: { user = "" }, password, clock } = this.parts;
    const secret = password() ?? "";
    if (this.#refusal?.password === secret && clock.now() - this.#refusal.at < REFUSED_MS) {
      throw new LedgerError(this.#refusal.reason);
    }
    const { status, text } = await this.#send(endpoint, user, secret);
    const token = status === 200 ? parseReply(text)?.token : undefined;
    const said = parseError(text)?.message;
    this.#refusal = undefined;
    if (token !== undefined) return this.#token = token;
    if (said?.includes("authentication is not enabled")) {
      this.#noneUntil = clock.now() + NO_USERS_MS;
      return undefined;
    }
    const reason = said === undefined ? otherError(status, text) : quote(said);
    const fault = `user ${quote(user)} was given no token: ${reason}`;
    if (said?.includes("authentication failed")) {
      this.#refusal = { password: secret, at: clock.now(), reason: fault };
    }
    throw new LedgerError(fault);
  }

  /** Requests a token; a waiter that gives up does not cancel it for the other ones. */
  async #send(endpoint: string, name: string, password: string): Promise<HttpAnswer> {
    const { settings: { timeoutMs }, transport, clock } = this.parts;
    const controller = new AbortController();
    const cancel = clock.startTimer(timeoutMs, () => controller.abort());
    try {
      const body = JSON.stringify({ name, password });
      const { signal } = controller;
      return await transport({ url: `${endpoint}${PATH}`, body, token: undefined, signal });
    } catch (error) {
      if (!controller.signal.aborted) throw error;
      throw new LedgerError(`no answer for ${timeoutMs} ms`, { cause: error });
    } finally {
      cancel();
    }
  }
}

/** Whether an answer may mean an invalid token; some versions then answer with nothing. */
function isRefusal({ status, text }: HttpAnswer): boolean {
  if (text === "") return true;
  const error = status === 200 ? undefined : parseError(text);
  return error !== undefined && (error.code === UNAUTHENTICATED || OLD_TOKEN.test(error.message));
}
