/** A wrapper around a Resolver that tracks unanswered look-ups. */

import type { HostAddresses, Lookup, Resolver } from "./ports.ts";

/** Limit of unanswered look-ups remembered. */
const FAILING_MAX = 1_000;

export class WatchedResolver implements Resolver {
  readonly #resolver: Resolver;
  readonly #worked: () => void;
  /** Reasons, by the name or address asked for. */
  readonly #failing = new Map<string, string>();

  /** `worked` is called for every look-up. */
  constructor(resolver: Resolver, worked: () => void) {
    this.#resolver = resolver;
    this.#worked = worked;
  }

  /** Reason of an unanswered look-up; undefined if all were answered. */
  get fault(): string | undefined {
    const [reason] = this.#failing.values();
    return reason;
  }

  addressesOf(name: string): Promise<Lookup<HostAddresses>> {
    return this.#watch(name, this.#resolver.addressesOf(name));
  }

  nameOf(address: string): Promise<Lookup<string>> {
    return this.#watch(address, this.#resolver.nameOf(address));
  }

  async #watch<T>(asked: string, lookup: Promise<Lookup<T>>): Promise<Lookup<T>> {
    this.#worked();
    const result = await lookup;
    this.#failing.delete(asked);
    if (result.outcome === "tryLater") {
      const [oldest] = this.#failing.keys();
      if (this.#failing.size >= FAILING_MAX) this.#failing.delete(oldest!);
      this.#failing.set(asked, result.reason);
    }
    return result;
  }
}
