/**
 * What is registered: one list for all versions, in the order of registration. Version 2 sees of it what
 * has netid `udp` or `tcp` and an IPv4 address.
 *
 * Source: RFC 1833 sections 2.2.1 and 3.2; the rules of owners are those that rpcbind 1.2.6 was seen to
 * follow.
 */

import { IpProtocol, type Mapping, PMAP_PROG, RPCBIND_ENTRIES_MAX } from "../protocol/portmap.ts";
import type { Rpcb } from "../protocol/rpcbind.ts";

/** Owner of what root has registered; it may remove every entry. */
export const SUPERUSER = "superuser";
/** Owner of what came from an address of this host without anything that tells the user. */
export const UNKNOWN = "unknown";

/**
 * Most entries that owners other than root have together, in number: a host has a few dozen. The rest is
 * kept for the system's services.
 */
const USERS_ENTRIES_MAX = RPCBIND_ENTRIES_MAX / 2;
const PORT_MAX = 65535;

/** An entry. */
export type Entry = Readonly<Rpcb>;

export class Entries {
  #entries: Entry[];
  /** Index of the entries by program, made when it is needed after a change. */
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

  /** Puts in what was kept from before, as far as it is not registered already. */
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
   * Registers an address. Whether it is registered now: nothing replaces the address of an entry, not
   * even its owner, who has to remove it first.
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
   * Removes the entries of a program version, those of one netid or, where it is empty, of all. Whether
   * there is none of them left: it stops at the first that belongs to somebody else.
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

  /** The entry of a program and netid: that of the version or, if there is none, the last one. */
  find(prog: number, vers: number, netid: string): Entry | undefined {
    let hit: Entry | undefined;
    for (const entry of this.#of(prog)) {
      if (!isSameNetid(entry.r_netid, netid)) continue;
      hit = entry;
      if (entry.r_vers === vers) break;
    }
    return hit;
  }

  /** The port for version 2, by the rule of {@link find}; undefined where nothing is registered. */
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

  /** Entries that version 2 sees. */
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

/** True for an entry of rpcbind itself. */
export function isOwn({ r_prog }: Entry): boolean {
  return r_prog === PMAP_PROG;
}

/** Netids are compared without regard to letter case. */
function isSameNetid(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase();
}

/** The netid that version 2 means by a protocol number. */
export function netidOfProtocol(prot: number): "udp" | "tcp" | undefined {
  if (prot === IpProtocol.UDP) return "udp";
  return prot === IpProtocol.TCP ? "tcp" : undefined;
}

function protocolOfNetid(netid: string): number | undefined {
  if (netid === "udp") return IpProtocol.UDP;
  return netid === "tcp" ? IpProtocol.TCP : undefined;
}

/** The port of a universal address of IPv4; nothing if it is not one. */
function ipv4PortOf(address: string): number | undefined {
  const parts = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (parts === null) return undefined;
  const port = Number(parts[1]) << 8 | Number(parts[2]);
  return port <= PORT_MAX ? port : undefined;
}
