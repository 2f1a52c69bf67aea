/** Name service of a simulated world: its true contents, and its present conduct. */

import type { NameFunctions } from "../../lib/net/resolver.ts";
import type { Dice } from "./dice.ts";
import type { Process } from "./process.ts";

/** A remote host. */
export interface Host {
  /** Official name, in the name service if listed. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly addresses: readonly string[];
  /** Whether the addresses have reverse entries. */
  readonly hasReverse: boolean;
  /** Whether the name service has the host. */
  readonly isListed: boolean;
}

/** Hosts of every world: with and without aliases, reverse entries, several addresses, or any entry. */
export const HOSTS: readonly Host[] = [
  { name: "p0.site", aliases: ["p0"], addresses: ["10.0.0.10"], hasReverse: true, isListed: true },
  {
    name: "p1.site",
    aliases: ["p1"],
    addresses: ["10.0.0.11", "10.0.1.11"],
    hasReverse: true,
    isListed: true,
  },
  { name: "p2.site", aliases: [], addresses: ["10.0.0.12"], hasReverse: false, isListed: true },
  { name: "p3.site", aliases: ["p3"], addresses: ["10.0.0.13"], hasReverse: false, isListed: true },
  { name: "p4.site", aliases: [], addresses: ["10.0.0.14"], hasReverse: false, isListed: false },
];

/** Our own name. */
export const OWN_NAME = "us.site";
const OWN_ADDRESS = "10.0.0.1";

/** Conduct: answers soon, late, with a failure, or after a long silence. */
export type NameServiceMode = "quick" | "slow" | "failing" | "silent";

const EAI_NONAME = -2;
const EAI_AGAIN = -3;

/** All names under which a host may be known. */
export function namesOf(host: Host): string[] {
  return [host.name, ...host.aliases, host.name.toUpperCase()];
}

/** Names and addresses equivalent to a text by the name service, including the text. */
export function synonymsOf(text: string): Set<string> {
  const key = text.toLowerCase();
  const known = new Set([key]);
  const host = HOSTS.find((one) =>
    one.isListed &&
    (one.name === key || one.aliases.includes(key) ||
      one.addresses.includes(key) && one.hasReverse)
  );
  if (host !== undefined) { for (const word of [host.name, ...host.addresses]) known.add(word); }
  return known;
}

/** Whether a notice with this name and source concerns the peer `monName`. */
export function concerns(monName: string, name: string, source: string): boolean {
  const monitored = synonymsOf(monName);
  return [...synonymsOf(name), ...synonymsOf(source)].some((word) => monitored.has(word));
}

/** Whether a name is that of no host. */
export function isStranger(name: string): boolean {
  return !HOSTS.some((host) => [...namesOf(host), ...host.addresses].includes(name));
}

/** Whether an address is a known one of the peer `monName`. */
export function isSourceOf(monName: string, address: string): boolean {
  return synonymsOf(monName).has(address);
}

export class NameService {
  mode: NameServiceMode = "quick";
  /** Number of questions answered, failures left out. */
  answers = 0;

  constructor(readonly dice: Dice) {}

  /** Functions of the C library in a process. */
  functionsFor(process: Process): NameFunctions {
    return {
      addressesOfName: (name) => {
        const key = name.toLowerCase();
        return this.#answer(process, name, () => {
          if (key === OWN_NAME) {
            return { code: 0, canonicalName: OWN_NAME, addresses: [OWN_ADDRESS] };
          }
          const host = HOSTS.find((one) =>
            one.isListed && (one.name === key || one.aliases.includes(key))
          );
          if (host === undefined) return { code: EAI_NONAME };
          return { code: 0, canonicalName: host.name, addresses: [...host.addresses] };
        });
      },
      nameOfAddress: (address) =>
        this.#answer(process, address, () => {
          const host = HOSTS.find((one) =>
            one.isListed && one.hasReverse && one.addresses.includes(address)
          );
          return host === undefined ? { code: EAI_NONAME } : { code: 0, name: host.name };
        }),
    };
  }

  #answer<T extends { code: number }>(process: Process, question: string, find: () => T) {
    const { mode, dice } = this;
    const label = `name service ${question}`;
    const answer = () => {
      this.answers++;
      return find();
    };
    switch (mode) {
      case "quick":
        return process.receive(dice.delay(label, 0.1, 60), answer);
      case "slow":
        return process.receive(dice.delay(label, 500, 12_000), answer);
      case "failing":
        return process.receive(dice.delay(label, 0.1, 5_000), () => ({ code: EAI_AGAIN }));
      case "silent":
        return process.receive(dice.delay(label, 20_000, 60_000), () => ({ code: EAI_AGAIN }));
    }
  }
}
