/** Name service with answers set by a test. */

import type { HostAddresses, Lookup, Resolver } from "../../lib/nsm/ports.ts";

export class FakeResolver implements Resolver {
  /** All questions, in order. */
  readonly asked: string[] = [];
  /** Official names of addresses. */
  readonly names = new Map<string, string>();
  /** Addresses by name. */
  readonly hosts = new Map<string, HostAddresses>();
  /** While set, every answer is `tryLater` with this reason. */
  outage: string | undefined;
  /** While set, questions wait for this promise. */
  gate: Promise<void> | undefined;

  /** Adds a host, forward and reverse, with its official name and aliases. */
  addHost(canonicalName: string, addresses: string[], aliases: string[] = []): void {
    for (const name of [canonicalName, ...aliases]) {
      this.hosts.set(name.toLowerCase(), { canonicalName, addresses });
    }
    for (const address of addresses) this.names.set(address, canonicalName);
  }

  async addressesOf(name: string): Promise<Lookup<HostAddresses>> {
    return this.#answer(name, await this.#ask(name), this.hosts.get(name.toLowerCase()));
  }

  async nameOf(address: string): Promise<Lookup<string>> {
    return this.#answer(address, await this.#ask(address), this.names.get(address));
  }

  async #ask(question: string): Promise<string | undefined> {
    this.asked.push(question);
    await this.gate;
    return this.outage;
  }

  #answer<T>(question: string, outage: string | undefined, value: T | undefined): Lookup<T> {
    if (outage !== undefined) return { outcome: "tryLater", reason: outage };
    if (value === undefined) return { outcome: "notFound", reason: `no record of ${question}` };
    return { outcome: "found", value };
  }
}
