/**
 * Registered entries: one list for all versions, in the order of registration. Version 2 sees the
 * entries with netid `udp` or `tcp` and an IPv4 address.
 *
 * Source: RFC 1833 sections 2.2.1 and 3.2; the rules of ownership are those that rpcbind 1.2.6 was
 * seen to follow.
 */

import { PORT_MAX } from "../rpc/address.ts";
import { IpProtocol, type Mapping, PMAP_PROG, RPCBIND_ENTRIES_MAX } from "../protocol/portmap.ts";
import type { Rpcb } from "../protocol/rpcbind.ts";

/** Owner of root's entries; root may remove every entry. */
export const SUPERUSER = "superuser";
/** Owner of entries from a local address that does not identify the user. */
export const UNKNOWN = "unknown";

/** Limit of entries of one owner other than root; a host has a few dozen. */
const OWNER_ENTRIES_MAX = 256;
/**
 * Limit of entries of all owners but root and the system's users: statd runs as a system user, and
 * has room whatever other users register.
 */
const PEOPLE_ENTRIES_MAX = 1024;
/** Limit of entries that are not root's; the rest is reserved for system services. */
const USERS_ENTRIES_MAX = RPCBIND_ENTRIES_MAX / 2;
/**
 * First uid of human users (login.defs(5), UID_MIN); the uid of nobody is not counted among them.
 */
const PEOPLE_UID_MIN = 1000;
const NOBODY = "65534";
/**
 * Limit of the length of netid and address together, in characters; a path has 108. All entries are
 * written on each change, and a list is one reply.
 */
const TEXTS_MAX_CHARACTERS = 512;
/** Longest owner, in characters: a uid, or a word above. */
const OWNER_MAX_CHARACTERS = 16;
const NONE: readonly Indexed[] = [];

export type Entry = Readonly<Rpcb>;

/** Entry and its port for version 2, which is looked up most; undefined if the address is not IPv4. */
interface Indexed {
  readonly entry: Entry;
  readonly port: number | undefined;
}

export class Entries {
  #entries: Entry[] = [];
  /** Index by program. */
  #byProgram = new Map<number, Indexed[]>();
  /** Number of entries by owner. */
  readonly #counts = new Map<string, number>();
  readonly #changed: () => void;

  /** `changed` is called after each change. */
  constructor(entries: readonly Entry[], changed: () => void) {
    this.#changed = changed;
    for (const entry of entries) this.#add(entry);
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    const indexed = { entry, port: ipv4PortOf(entry.r_addr) };
    const ofProgram = this.#byProgram.get(entry.r_prog);
    if (ofProgram === undefined) this.#byProgram.set(entry.r_prog, [indexed]);
    else ofProgram.push(indexed);
    this.#count(entry, 1);
  }

  #remove(removed: ReadonlySet<Entry>): void {
    this.#entries = this.#entries.filter((entry) => !removed.has(entry));
    for (const entry of removed) {
      const left = this.#of(entry.r_prog).filter((one) => one.entry !== entry);
      if (left.length === 0) this.#byProgram.delete(entry.r_prog);
      else this.#byProgram.set(entry.r_prog, left);
      this.#count(entry, -1);
    }
  }

  #count({ r_owner }: Entry, change: number): void {
    const count = (this.#counts.get(r_owner) ?? 0) + change;
    if (count === 0) this.#counts.delete(r_owner);
    else this.#counts.set(r_owner, count);
  }

  #of(prog: number): readonly Indexed[] {
    return this.#byProgram.get(prog) ?? NONE;
  }

  get all(): readonly Entry[] {
    return this.#entries;
  }

  /** Adds entries of an earlier run, unless they exist or are too long; returns how many were added. */
  restore(entries: readonly Entry[]): number {
    const before = this.#entries.length;
    for (const entry of entries) {
      if (this.#entries.length >= RPCBIND_ENTRIES_MAX) break;
      if (isTooLong(entry) || this.#exact(entry) !== undefined) continue;
      this.#add(entry);
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
    const entry = { ...given, r_owner: owner };
    if (isTooLong(entry) || !this.#hasRoomFor(owner)) return false;
    this.#add(entry);
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
    const meant = this.#of(r_prog).map(({ entry }) => entry).filter(isMeant);
    if (meant.length === 0) return true;
    const foreign = meant.findIndex((entry) => owner !== SUPERUSER && entry.r_owner !== owner);
    const removed = new Set(foreign < 0 ? meant : meant.slice(0, foreign));
    if (removed.size > 0) {
      this.#remove(removed);
      this.#changed();
    }
    return foreign < 0;
  }

  /** Entry of a program and netid: the one of the version or, without it, the last one. */
  find(prog: number, vers: number, netid: string): Entry | undefined {
    let hit: Entry | undefined;
    for (const { entry } of this.#of(prog)) {
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
    for (const { entry, port: own } of this.#of(prog)) {
      if (entry.r_netid !== netid || own === undefined) continue;
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
    return this.#of(r_prog).find(({ entry }) =>
      entry.r_vers === r_vers && isSameNetid(entry.r_netid, r_netid)
    )?.entry;
  }

  #hasRoomFor(owner: string): boolean {
    if (this.#entries.length >= RPCBIND_ENTRIES_MAX) return false;
    if (owner === SUPERUSER) return true;
    if ((this.#counts.get(owner) ?? 0) >= OWNER_ENTRIES_MAX) return false;
    let users = 0;
    let people = 0;
    for (const [one, count] of this.#counts) {
      if (one === SUPERUSER) continue;
      users += count;
      if (isPeople(one)) people += count;
    }
    return users < USERS_ENTRIES_MAX && (!isPeople(owner) || people < PEOPLE_ENTRIES_MAX);
  }
}

function isTooLong({ r_netid, r_addr, r_owner }: Entry): boolean {
  return r_netid.length + r_addr.length > TEXTS_MAX_CHARACTERS ||
    r_owner.length > OWNER_MAX_CHARACTERS;
}

/** Whether an owner is neither root nor a system user such as statd's. */
function isPeople(owner: string): boolean {
  return owner === UNKNOWN || (Number(owner) >= PEOPLE_UID_MIN && owner !== NOBODY);
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
