/**
 * Questions to the name server that need no thread, in front of a resolver: hundreds may be under way,
 * so that names without an answer do not delay the rest. The resolver is asked about names that are not
 * found in this way, and about names that resolver_rules.ts leaves to it.
 */

import type { Lookup, Resolver } from "../nsm/ports.ts";
import { normaliseAddress } from "../rpc/address.ts";
import type { Clock } from "../time/clock.ts";
import { mayAsk, type ResolverRules } from "./resolver_rules.ts";

/**
 * Questions under way, in number: the default buffer of a name server's socket has room for 250 small
 * datagrams.
 */
const QUESTIONS = 200;
/** Limit on an answer, in ms: later ones are asked again by the resolver. */
const ANSWER_MS = 1_500;

/**
 * Asks for the records of one type; empty where there are none. Rejects where there is no plain answer
 * before the signal.
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

  /** The addresses of both families; undefined where not both questions had an answer. */
  async #question(name: string): Promise<string[] | undefined> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    else this.#free--;
    const limit = new AbortController();
    const cancel = this.#clock.startTimer(ANSWER_MS, () => limit.abort());
    try {
      // One after the other: so a burst of questions is half as large.
      const found = [
        ...await this.#ask(name, "A", limit.signal),
        ...await this.#ask(name, "AAAA", limit.signal),
      ];
      const normal = found.map(normaliseAddress);
      return [...new Set(normal.filter((address) => address !== undefined))];
    } catch {
      return undefined; // the resolver says why
    } finally {
      cancel();
      this.#giveBack();
    }
  }

  /** Passes the place to the question that has waited longest. */
  #giveBack(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next();
      return;
    }
    this.#free++;
  }
}
