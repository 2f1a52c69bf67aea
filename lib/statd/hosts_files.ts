/**
 * /etc/hosts.allow and /etc/hosts.deny in force: read again when they change, decided once for each
 * address. The addresses of this host are always let in.
 *
 * A file that is there and cannot be read keeps the rules that were read last, those of before the
 * privilege drop at the least; without any it has none. To keep everybody out instead would let a slip
 * with `chmod` end the recovery of locks. It is said once, and shows in the status.
 *
 * Deviation: the TCP wrappers library, too, passes over what it cannot read with a warning, but forgets
 * the rules that it knew; nfs-utils reads the files after its privilege drop only.
 *
 * Source: hosts_access(5); rpc.statd(8), "TCP wrappers".
 */

import type { Log } from "../log.ts";
import { type AccessEntry, decideAccess, parseAccessFile } from "../nsm/hosts_access.ts";
import { reasonOf, type Resolver } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { isLoopback } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";
import type { Clock } from "../time/clock.ts";

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
}

export class HostsFiles {
  readonly #parts: HostsFilesParts;
  readonly #decisions = new Map<string, boolean>();
  /** The texts of the files as they were read last, and why they cannot be read now, by path. */
  readonly #texts = new Map<string, string>();
  readonly #faults = new Map<string, string>();
  #entries: readonly AccessEntry[] = [];
  #own: ReadonlySet<string> = new Set();
  #stamps = "";
  #checkedAt = -Infinity;

  /** Reads the files for the first time, as the user that we are now. */
  constructor(parts: HostsFilesParts) {
    this.#parts = parts;
    this.#readFiles();
  }

  /** Files that cannot be read now, and why. */
  get faults(): string[] {
    this.recheck();
    return [...this.#faults.values()];
  }

  /** Whether an address may call; a promise where its name has to be looked up first. */
  admits(address: string): boolean | Promise<boolean> {
    if (isLoopback(address)) return true;
    this.recheck();
    if (this.#entries.length === 0) return true;
    const decided = this.#decisions.get(address);
    if (decided !== undefined) return decided;
    if (this.#own.has(withoutScope(address))) return true;
    const decision = decideAccess(this.#entries, { address, name: undefined }, this.#textOf);
    return decision === "nameNeeded"
      ? this.#decideByName(address)
      : this.#remember(address, decision === "allow");
  }

  async #decideByName(address: string): Promise<boolean> {
    const entries = this.#entries;
    const name = await this.#confirmedName(address);
    const isLetIn = decideAccess(entries, { address, name }, this.#textOf) === "allow";
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
  recheck(): void {
    const now = this.#parts.clock.now();
    if (now - this.#checkedAt < RECHECK_MS) return;
    this.#checkedAt = now;
    const stamps = [ALLOW_FILE, DENY_FILE].map(stampOf).join(" ");
    if (stamps !== this.#stamps) {
      this.#stamps = stamps;
      this.#readFiles();
    }
    if (this.#entries.length > 0) this.#own = new Set(ownAddresses());
  }

  #readFiles(): void {
    this.#entries = [...this.#read(ALLOW_FILE, "allow"), ...this.#read(DENY_FILE, "deny")];
    this.#decisions.clear();
  }

  #read(path: string, whenMatched: "allow" | "deny"): AccessEntry[] {
    const { log } = this.#parts;
    const known = this.#texts.get(path);
    const text = this.#textOf(path);
    return parseAccessFile(text, DAEMON, whenMatched, (line, reason) => {
      if (text !== known) log.warning(`${path}:${line}: ${reason}; the line is passed over`);
    });
  }

  /** The text of a file, or of when it could be read last; empty where there is none. */
  #textOf = (path: string): string => {
    try {
      this.#texts.set(path, readText(path) ?? "");
      this.#faults.delete(path);
    } catch (error) {
      this.#tellFault(path, error);
    }
    return this.#texts.get(path) ?? "";
  };

  #tellFault(path: string, error: unknown): void {
    const effect = this.#texts.get(path)
      ? "the rules that were read from it last stay in force"
      : "no rule of it is in force";
    const fault = `Cannot read ${quote(path)} as uid ${Deno.uid()}: ${reasonOf(error)}; ${effect}`;
    if (this.#faults.get(path) === fault) return;
    this.#faults.set(path, fault);
    const remedy = error instanceof Deno.errors.PermissionDenied
      ? `. Everybody has to be able to read it: chmod a+r ${path}`
      : "";
    this.#parts.log.warning(fault + remedy);
  }
}

/** The addresses of this host. */
function ownAddresses(): string[] {
  return Deno.networkInterfaces().map(({ address }) => address);
}

/** What changes when a file does, its owner and permissions among it; why it cannot be told otherwise. */
function stampOf(path: string): string {
  try {
    const { mtime, size, ino, mode, uid, gid } = Deno.statSync(path);
    return [mtime?.getTime(), size, ino, mode, uid, gid].join(" ");
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * The text of a file; nothing if there is none.
 *
 * @throws {Error} When it cannot be read, or is no list of hosts.
 */
function readText(path: string): string | undefined {
  try {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile) throw new Error("it is not a regular file");
    if (size > FILE_MAX_BYTES) throw new Error(`it is longer than ${FILE_MAX_BYTES} bytes`);
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A line for the log about a caller that was not let in. */
export function denialOf(address: string): string {
  return `connect from ${quote(address)} denied: request from unauthorized host`;
}
