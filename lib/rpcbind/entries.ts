/**
 * Registered entries: one list for all versions, in the order of registration. Version 2 sees the
 * entries with netid `udp` or `tcp` and an IPv4 address.
 *
 * Source: RFC 1833 sections 2.2.1 and 3.2; the rules of ownership are those that rpcbind 1.2.6 was
 * seen to follow.
 */

import { IpProtocol, type Mapping, PMAP_PROG, RPCBIND_ENTRIES_MAX } from "../protocol/portmap.ts";
import type { Rpcb } from "../protocol/rpcbind.ts";

/** Owner of root's entries; root may remove every entry. */
export const SUPERUSER = "superuser";
/** Owner of entries from a local address that does not identify the user. */
export const UNKNOWN = "unknown";

/** Limit of entries that are not root's; the rest is reserved for system services. A host has a few dozen. */
const USERS_ENTRIES_MAX = RPCBIND_ENTRIES_MAX / 2;
const PORT_MAX = 65535;

export type Entry = Readonly<Rpcb>;

export class Entries {
  #entries: Entry[];
  /** Index by program, built lazily after a change. */
  #byProgram: Map<number, Entry[]> | undefined;
  readonly #told: () => void;

  /** `changed` is called after each change. */
  constructor(entries: readonly Entry[], changed: () => void) {
    this.#entries = [...entries];
    this.#told = changed;
  }

  #changed(): void {
    this.#byProgram = undefined;
    this.#told();
  }

  #of(prog: number): readonly Entry[] {
    this.#byProgram ??= Map.groupBy(this.#entries, ({ r_prog }) => r_prog);
    return this.#byProgram.get(prog) ?? [];
  }

  get all(): readonly Entry[] {
    return this.#entries;
  }

  /** Adds entries of an earlier run, unless they exist; returns how many were added. */
  restore(entries: readonly Entry[]): number {
    const before = this.#entries.length;
    for (const entry of entries) {
      if (this.#entries.length >= RPCBIND_ENTRIES_MAX) break;
      if (this.#exact(entry) !== undefined) continue;
      this.#entries.push(entry);
      this.#byProgram = undefined;
    }
    return this.#entries.length - before;
  }

  /**
   * Registers an address; true if it is registered now. An existing entry is never replaced, not
   * even by its owner, who has to remove it first.
   */
  set(given: Entry, owner: string): boolean {
    const present = this.#exact(given);
    if (present !== undefined) return present.r_addr === given.r_addr;
    if (!this.#hasRoomFor(owner)) return false;
    this.#entries.push({ ...given, r_owner: owner });
    this.#changed();
    return true;
  }

  /**
   * Removes the entries of a program version for one netid or, if it is empty, for all. Returns
   * whether none is left: removal stops at the first entry of another owner.
   */
  unset({ r_prog, r_vers, r_netid }: Entry, owner: string): boolean {
    const isMeant = (entry: Entry) =>
      entry.r_vers === r_vers &&
      (r_netid === "" || isSameNetid(entry.r_netid, r_netid));
    const meant = this.#of(r_prog).filter(isMeant);
    if (meant.length === 0) return true;
    const foreign = meant.findIndex((entry) => owner !== SUPERUSER && entry.r_owner !== owner);
    const removed = new Set(foreign < 0 ? meant : meant.slice(0, foreign));
    if (removed.size > 0) {
      this.#entries = this.#entries.filter((entry) => !removed.has(entry));
      this.#changed();
    }
    return foreign < 0;
  }

  /** Entry of a program and netid: the one of the version or, without it, the last one. */
  find(prog: number, vers: number, netid: string): Entry | undefined {
    let hit: Entry | undefined;
    for (const entry of this.#of(prog)) {
      if (!isSameNetid(entry.r_netid, netid)) continue;
      hit = entry;
      if (entry.r_vers === vers) break;
    }
    return hit;
  }

  /** Port for version 2, by the rule of {@link find}; undefined if none is registered. */
  portOf(prog: number, vers: number, prot: number): number | undefined {
    let port: number | undefined;
    const netid = netidOfProtocol(prot);
    if (netid === undefined) return undefined;
    for (const entry of this.#of(prog)) {
      if (entry.r_netid !== netid) continue;
      const own = ipv4PortOf(entry.r_addr);
      if (own === undefined) continue;
      port = own;
      if (entry.r_vers === vers) break;
    }
    return port;
  }

  /** Entries visible to version 2. */
  mappings(): Mapping[] {
    return this.#entries.flatMap(({ r_prog, r_vers, r_netid, r_addr }) => {
      const prot = protocolOfNetid(r_netid);
      const port = prot === undefined ? undefined : ipv4PortOf(r_addr);
      return port === undefined ? [] : [{ prog: r_prog, vers: r_vers, prot: prot!, port }];
    });
  }

  #exact({ r_prog, r_vers, r_netid }: Entry): Entry | undefined {
    return this.#of(r_prog).find((entry) =>
      entry.r_vers === r_vers && isSameNetid(entry.r_netid, r_netid)
    );
  }

  #hasRoomFor(owner: string): boolean {
    if (this.#entries.length >= RPCBIND_ENTRIES_MAX) return false;
    if (owner === SUPERUSER) return true;
    const ofUsers = this.#entries.filter(({ r_owner }) => r_owner !== SUPERUSER).length;
    return ofUsers < USERS_ENTRIES_MAX;
  }
}

/** Whether an entry is rpcbind's own. */
export function isOwn({ r_prog }: Entry): boolean {
  return r_prog === PMAP_PROG;
}

/** Compares netids in any letter case. */
function isSameNetid(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase();
}

/** Netid of a protocol number in version 2. */
export function netidOfProtocol(prot: number): "udp" | "tcp" | undefined {
  if (prot === IpProtocol.UDP) return "udp";
  return prot === IpProtocol.TCP ? "tcp" : undefined;
}

function protocolOfNetid(netid: string): number | undefined {
  if (netid === "udp") return IpProtocol.UDP;
  return netid === "tcp" ? IpProtocol.TCP : undefined;
}

/** Port of an IPv4 universal address; undefined for other text. */
function ipv4PortOf(address: string): number | undefined {
  const parts = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (parts === null) return undefined;
  const port = Number(parts[1]) << 8 | Number(parts[2]);
  return port <= PORT_MAX ? port : undefined;
}
