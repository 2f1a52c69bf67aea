/** A resolver that knows which look-ups the name service has left without an answer. */

import type { HostAddresses, Lookup, Resolver } from "./ports.ts";

/** Look-ups without an answer that are remembered, in number. */
const FAILING_MAX = 1_000;

export class WatchedResolver implements Resolver {
  readonly #resolver: Resolver;
  readonly #worked: () => void;
  /** Reasons, by the name or address that was asked for. */
  readonly #failing = new Map<string, string>();

  /** `worked` is told of every look-up. */
  constructor(resolver: Resolver, worked: () => void) {
    this.#resolver = resolver;
    this.#worked = worked;
  }

  /** Why the name service does not answer; undefined while it has answered everything. */
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
