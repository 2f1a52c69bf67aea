/**
 * Quick DNS: asks the name server without threads, in front of a resolver. Hundreds of questions
 * may be in flight, so that unanswered names do not delay others. The resolver is asked for names
 * not found this way, and for names excluded by resolver_rules.ts.
 */

import type { Lookup, Resolver } from "../nsm/ports.ts";
import { normaliseAddress } from "../rpc/address.ts";
import type { Clock } from "../time/clock.ts";
import { mayAsk, type ResolverRules } from "./resolver_rules.ts";

/** Questions in flight: the default buffer of a name server's socket holds 250 small datagrams. */
const QUESTIONS = 200;
/** Timeout of an answer, in ms; after it the resolver is asked. */
const ANSWER_MS = 1_500;

/**
 * Asks for the records of one type; empty if there are none. Rejects without a plain answer before
 * the signal.
 */
export type AskDns = (name: string, type: "A" | "AAAA", signal: AbortSignal) => Promise<string[]>;

export class QuickDns implements Resolver {
  readonly #resolver: Resolver;
  readonly #rules: ResolverRules;
  readonly #ask: AskDns;
  readonly #clock: Clock;
  #free = QUESTIONS;
  readonly #waiting = new Set<() => void>();

  constructor(resolver: Resolver, rules: ResolverRules, ask: AskDns, clock: Clock) {
    this.#resolver = resolver;
    this.#rules = rules;
    this.#ask = ask;
    this.#clock = clock;
  }

  async addressesOf(name: string): ReturnType<Resolver["addressesOf"]> {
    if (!mayAsk(name, this.#rules)) {
      return await this.#resolver.addressesOf(name);
    }
    const addresses = await this.#question(name) ?? [];
    if (addresses.length === 0) return await this.#resolver.addressesOf(name);
    return { outcome: "found", value: { canonicalName: name, addresses } };
  }

  nameOf(address: string): Promise<Lookup<string>> {
    return this.#resolver.nameOf(address);
  }

  /** Addresses of both families; undefined unless both questions were answered. */
  async #question(name: string): Promise<string[] | undefined> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    else this.#free--;
    const limit = new AbortController();
    const cancel = this.#clock.startTimer(ANSWER_MS, () => limit.abort());
    try {
      // Sequential, which halves a burst of questions.
      const found = [
        ...await this.#ask(name, "A", limit.signal),
        ...await this.#ask(name, "AAAA", limit.signal),
      ];
      const normal = found.map(normaliseAddress);
      return [...new Set(normal.filter((address) => address !== undefined))];
    } catch {
      return undefined; // the resolver reports the reason
    } finally {
      cancel();
      this.#giveBack();
    }
  }

  /** Passes the place to the oldest waiting question. */
  #giveBack(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next();
      return;
    }
    this.#free++;
  }
}
