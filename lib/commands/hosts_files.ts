/**
 * /etc/hosts.allow and /etc/hosts.deny in force: read again when they change, decided once for each
 * address. The addresses of this host are always let in.
 *
 * Source: hosts_access(5); rpc.statd(8), "TCP wrappers".
 */

import type { Log } from "../log.ts";
import { type AccessEntry, decideAccess, parseAccessFile } from "../nsm/hosts_access.ts";
import type { Clock, Resolver } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { isLoopback } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";

const ALLOW_FILE = "/etc/hosts.allow";
const DENY_FILE = "/etc/hosts.deny";
/** The name of the daemon in the files, whatever the program is called. */
const DAEMON = "statd";
/** How long the files and this host's addresses are taken to be as they were, in ms. */
const RECHECK_MS = 1_000;
/** Addresses whose decision is remembered; beyond, all are decided anew. */
const DECISIONS_MAX = 4096;
/** Longest file that is read, in bytes; what is longer is not a list of hosts. */
const FILE_MAX_BYTES = 1_048_576;

/** What the rules are applied with. */
export interface HostsFilesParts {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Log;
  /** The addresses of this host now. */
  readonly ownAddresses: () => Iterable<string>;
}

export class HostsFiles {
  readonly #parts: HostsFilesParts;
  readonly #decisions = new Map<string, boolean>();
  #entries: readonly AccessEntry[] = [];
  #own: ReadonlySet<string> = new Set();
  #stamps = "";
  #checkedAt = -Infinity;

  constructor(parts: HostsFilesParts) {
    this.#parts = parts;
  }

  /** Whether an address may call; a promise where its name has to be looked up first. */
  admits(address: string): boolean | Promise<boolean> {
    if (isLoopback(address)) return true;
    this.#recheck();
    if (this.#entries.length === 0) return true;
    const decided = this.#decisions.get(address);
    if (decided !== undefined) return decided;
    if (this.#own.has(withoutScope(address))) return true;
    const decision = decideAccess(this.#entries, { address, name: undefined }, readText);
    return decision === "nameNeeded"
      ? this.#decideByName(address)
      : this.#remember(address, decision === "allow");
  }

  async #decideByName(address: string): Promise<boolean> {
    const entries = this.#entries;
    const name = await this.#confirmedName(address);
    const isLetIn = decideAccess(entries, { address, name }, readText) === "allow";
    return entries === this.#entries ? this.#remember(address, isLetIn) : isLetIn;
  }

  /** The name of an address if that name has the address; null otherwise. */
  async #confirmedName(address: string): Promise<string | null> {
    const { resolver } = this.#parts;
    const name = await resolver.nameOf(withoutScope(address));
    if (name.outcome !== "found") return null;
    const addresses = await resolver.addressesOf(name.value);
    const isConfirmed = addresses.outcome === "found" &&
      addresses.value.addresses.includes(address);
    return isConfirmed ? name.value : null;
  }

  #remember(address: string, isLetIn: boolean): boolean {
    if (this.#decisions.size >= DECISIONS_MAX) this.#decisions.clear();
    this.#decisions.set(address, isLetIn);
    return isLetIn;
  }

  /** Reads the files again if one has changed; own addresses may come and go as well. */
  #recheck(): void {
    const now = this.#parts.clock.now();
    if (now - this.#checkedAt < RECHECK_MS) return;
    this.#checkedAt = now;
    const stamps = [ALLOW_FILE, DENY_FILE].map(stampOf).join(" ");
    if (stamps !== this.#stamps) {
      this.#stamps = stamps;
      this.#entries = [...this.#read(ALLOW_FILE, "allow"), ...this.#read(DENY_FILE, "deny")];
      this.#decisions.clear();
    }
    if (this.#entries.length > 0) this.#own = new Set(this.#parts.ownAddresses());
  }

  #read(path: string, whenMatched: "allow" | "deny"): AccessEntry[] {
    const { log } = this.#parts;
    return parseAccessFile(readText(path) ?? "", DAEMON, whenMatched, (line, reason) => {
      log.warning(`${path}:${line}: ${reason}; the line is passed over`);
    });
  }
}

/** What changes when a file does; empty where there is none. */
function stampOf(path: string): string {
  try {
    const { mtime, size, ino } = Deno.statSync(path);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch {
    return "";
  }
}

/** The text of a regular file of reasonable size; nothing if there is none. */
function readText(path: string): string | undefined {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile && size <= FILE_MAX_BYTES ? Deno.readTextFileSync(path) : undefined;
  } catch {
    return undefined; // a file that is not there, or not for us to read, has no rules
  }
}

/** A line for the log about a caller that was not let in. */
export function denialOf(address: string): string {
  return `connect from ${quote(address)} denied: request from unauthorized host`;
}
