/**
 * Questions to the name servers that need no thread, in front of a resolver: hundreds may be under way,
 * so that names which no server answers for do not keep the others waiting. What is not found in this
 * way, as names that are completed by a search list, is asked of the resolver.
 *
 * Source: nsswitch.conf(5) for whether name servers are asked at all; resolv.conf(5) is read anew by the
 * runtime for each question.
 */

import type { Lookup, Resolver } from "../nsm/ports.ts";
import { normaliseAddress } from "../rpc/address.ts";
import type { Clock } from "../time/clock.ts";

/**
 * Questions under way, in number. Each needs a socket or two of the 1,024 descriptors that a process
 * commonly has.
 */
const QUESTIONS = 200;
/** How long an answer is awaited, in ms: the resolver asks those again that take longer. */
const ANSWER_MS = 1_500;

/** Asks for the records of one type; rejects where there are none, or no answer before the signal. */
export type AskDns = (name: string, type: "A" | "AAAA", signal: AbortSignal) => Promise<string[]>;

/** Asks through the runtime. */
export const systemDns: AskDns = (name, type, signal) => Deno.resolveDns(name, type, { signal });

/** Whether /etc/nsswitch.conf has names looked up by name servers; without a word about it they are. */
export function asksNameServers(nsswitch: string): boolean {
  const line = /^[ \t]*hosts:(.*)$/m.exec(nsswitch);
  return line === null || /\b(dns|resolve)\b/.test(line[1]!);
}

export class QuickDns implements Resolver {
  readonly #resolver: Resolver;
  readonly #ask: AskDns;
  readonly #clock: Clock;
  #free = QUESTIONS;
  readonly #waiting = new Set<() => void>();

  constructor(resolver: Resolver, ask: AskDns, clock: Clock) {
    this.#resolver = resolver;
    this.#ask = ask;
    this.#clock = clock;
  }

  async addressesOf(name: string): ReturnType<Resolver["addressesOf"]> {
    // A name without a dot is one of the search list, which the resolver knows about.
    if (!name.includes(".") || normaliseAddress(name) !== undefined) {
      return await this.#resolver.addressesOf(name);
    }
    const addresses = await this.#question(name);
    if (addresses.length === 0) return await this.#resolver.addressesOf(name);
    return { outcome: "found", value: { canonicalName: name, addresses } };
  }

  nameOf(address: string): Promise<Lookup<string>> {
    return this.#resolver.nameOf(address);
  }

  async #question(name: string): Promise<string[]> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    else this.#free--;
    const limit = new AbortController();
    const cancel = this.#clock.startTimer(ANSWER_MS, () => limit.abort());
    try {
      const absolute = name.endsWith(".") ? name : `${name}.`;
      const answers = await Promise.all(
        (["A", "AAAA"] as const).map((type) =>
          this.#ask(absolute, type, limit.signal).catch(() => []) // none, or no answer: the same here
        ),
      );
      const normal = answers.flat().map(normaliseAddress);
      return [...new Set(normal.filter((address) => address !== undefined))];
    } finally {
      cancel();
      this.#giveBack();
    }
  }

  /** The place goes to whoever waits longest. */
  #giveBack(): void {
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next();
      return;
    }
    this.#free++;
  }
}
