/**
 * /etc/hosts.allow and /etc/hosts.deny in force: reloaded when they change, with decisions cached
 * per address. This host's own addresses are always admitted, if
 * loopback or a connection proves them.
 *
 * Long files are parsed in slices; until that is over the rules in force before decide.
 *
 * A decision that needs the name service is cached for a minute. Without an answer of the name
 * service nothing is cached: the call is left unanswered, and its sender repeats it.
 *
 * If a file exists and cannot be read, its last rules stay in force, at least those read before the
 * privilege drop. A hosts.deny that could never be read denies everybody, as with the TCP wrappers
 * library. The fault is logged once, and shown in the status.
 *
 * Deviation: the library forgets the rules that it knew; nfs-utils reads the files after its
 * privilege drop only.
 *
 * Source: hosts_access(5); rpc.statd(8), "TCP wrappers".
 */

import type { Log } from "../log.ts";
import { ExpiringCache } from "../net/expiring_cache.ts";
import { FairSlots } from "../net/fair_slots.ts";
import {
  type AccessEntry,
  type Client,
  clientsOf,
  decideAccess,
  type Decision,
  PARANOID,
} from "../nsm/hosts_access.ts";
import { UNKNOWN } from "../nsm/hosts_patterns.ts";
import { entriesIn } from "../nsm/hosts_rules.ts";
import type { Resolver } from "../nsm/ports.ts";
import { ownAddresses } from "../net/own_interfaces.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { LOOPBACK_ADDRESSES, sourceNetwork } from "../rpc/address.ts";
import type { Admission } from "../rpc/dispatch.ts";
import { type Origin, provesOwn, withoutScope } from "../rpc/transport.ts";
import type { Clock } from "../time/clock.ts";
import { inSlices } from "../time/slices.ts";
import { readText, stampOf } from "./text_file.ts";

const ALLOW_FILE = "/etc/hosts.allow";
const DENY_FILE = "/etc/hosts.deny";
/** Key of the fault that own addresses are unknown. */
const OWN = "own addresses";
/** Interval of checks for changed files and own addresses, in ms. */
const RECHECK_MS = 1_000;
/** Limit of cached decisions (LRU). */
const DECISIONS_MAX = 4096;
/** Time to live of a decision by name, in ms: that of the resolver's answers. */
const BY_NAME_MS = 60_000;
/** Faulty lines logged per file when it is read. */
const FAULTS_MAX = 5;
/**
 * Limits of look-ups for access, separate from those for notices. One party is an IPv4 /24, since a
 * silent name server is silent for all of it, or an IPv6 /64.
 */
const LOOK_UPS = { slots: 8, slotsOfOne: 2, lineMax: 256, lineOfOne: 8 } as const;
/** Calls of one address that may wait for its look-up; further calls are left unanswered. */
const WAITING_MAX = 8;
/** Limit of netgroup questions per decision. */
const QUESTIONS_MAX = 32;

/** Dependencies of the rules. */
export interface HostsFilesParts {
  /** Name of the daemon in the files, independent of the program's file name. */
  readonly daemon: "statd" | "rpcbind";
  /** Resolver with slots of its own. */
  readonly resolver: Resolver;
  /** Checks whether a netgroup has a host, by its name; absent: netgroups are empty. */
  readonly isInNetgroup?: (group: string, host: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
  /** Directory of the two files; absent: `/etc`. */
  readonly directory?: string;
}

interface Pending {
  readonly admission: Promise<Admission>;
  waiting: number;
}

export class HostsFiles {
  readonly #parts: HostsFilesParts;
  readonly #allowFile: string;
  readonly #denyFile: string;
  readonly #decisions = new ExpiringCache<Admission>(DECISIONS_MAX);
  readonly #pending = new Map<string, Pending>();
  readonly #lookUps = new FairSlots(LOOK_UPS);
  /** Last readable text of each file, and its present fault, by path. */
  readonly #texts = new Map<string, string>();
  readonly #faults = new Map<string, string>();
  /** Stamps of the files when they were read, by path, including pattern files. */
  readonly #stamps = new Map<string, string>();
  #entries: readonly AccessEntry[] = [];
  #isParsing = false;
  #own: ReadonlySet<string> = new Set();
  #checkedAt = -Infinity;

  /** Reads the files for the first time, as the present user. */
  constructor(parts: HostsFilesParts) {
    this.#parts = parts;
    const directory = parts.directory;
    this.#allowFile = directory === undefined ? ALLOW_FILE : `${directory}/hosts.allow`;
    this.#denyFile = directory === undefined ? DENY_FILE : `${directory}/hosts.deny`;
    for (const _ of this.#reading()); // before the first call
    // Forces another read after the privilege drop, which reports files that the new user cannot
    // read.
    for (const path of this.#stamps.keys()) this.#stamps.set(path, "");
  }

  /** Checks the files; returns the faults of unreadable ones. */
  checked(): string[] {
    this.recheck();
    return [...this.#faults.values()];
  }

  /** Judges a remote caller; a promise if its name has to be looked up. */
  admits(caller: Pick<Origin, "address" | "interfaceIndex">): Admission | Promise<Admission> {
    this.recheck();
    if (this.#entries.length === 0) return "admitted";
    const { address } = caller;
    if (provesOwn(caller) && this.#own.has(withoutScope(address))) return "admitted";
    const decided = this.#decisions.get(address, this.#parts.clock.now());
    if (decided !== undefined) return decided;
    const decision = this.#decide({ address, name: undefined });
    if (typeof decision !== "object") return this.#remember(address, decision, Infinity);
    const pending = this.#pending.get(address) ?? this.#find(address);
    if (pending.waiting >= WAITING_MAX) return "tryLater";
    pending.waiting++;
    return pending.admission;
  }

  /** Starts the look-ups for a decision. */
  #find(address: string): Pending {
    const found = this.#lookUps.run(partyOf(address), () => this.#decideByName(address));
    const admission = found.then((result) => result ?? "tryLater", () => "tryLater" as const)
      .finally(() => this.#pending.delete(address));
    const pending: Pending = { admission, waiting: 0 };
    this.#pending.set(address, pending);
    return pending;
  }

  async #decideByName(address: string): Promise<Admission> {
    const { isInNetgroup = () => Promise.resolve(false) } = this.#parts;
    const name = await this.#nameOf(address);
    if (name === undefined) return "tryLater";
    const netgroups = new Map<string, boolean>();
    for (let questions = 0; questions < QUESTIONS_MAX; questions++) {
      // The present rules, which may have changed during the look-up.
      const decision = this.#decide({ address, name, netgroups });
      if (typeof decision !== "object") return this.#remember(address, decision, BY_NAME_MS);
      if (decision.need !== "netgroup") break;
      netgroups.set(decision.group, await isInNetgroup(decision.group, name));
    }
    return "denied";
  }

  #decide(client: Client): ReturnType<typeof decideAccess> {
    return decideAccess(this.#entries, client, this.#patternsIn);
  }

  /**
   * Name of an address if it is confirmed by a forward look-up and canonical; PARANOID if not,
   * UNKNOWN if there is none, undefined if the name service does not answer.
   */
  async #nameOf(address: string): Promise<string | undefined> {
    const { resolver } = this.#parts;
    const name = await resolver.nameOf(withoutScope(address));
    if (name.outcome === "tryLater") return undefined;
    if (name.outcome === "notFound") return UNKNOWN;
    const forward = await resolver.addressesOf(name.value);
    if (forward.outcome === "tryLater") return undefined;
    if (forward.outcome === "notFound") return PARANOID;
    const { canonicalName, addresses } = forward.value;
    const isOfficial = [canonicalName.toLowerCase(), "localhost"]
      .includes(name.value.toLowerCase());
    const isConfirmed = addresses.some((one) => withoutScope(one) === withoutScope(address));
    return isOfficial && isConfirmed ? name.value : PARANOID;
  }

  #remember(address: string, decision: Decision, ms: number): Admission {
    const admission = decision === "allow" ? "admitted" : "denied";
    this.#decisions.set(address, admission, this.#parts.clock.now() + ms);
    return admission;
  }

  /** Reloads changed files; refreshes own addresses. */
  recheck(): void {
    const now = this.#parts.clock.now();
    if (now - this.#checkedAt < RECHECK_MS || this.#isParsing) return;
    this.#checkedAt = now;
    const isChanged = [...this.#stamps].some(([path, stamp]) => stampOf(path) !== stamp);
    if (isChanged) void inSlices(this.#reading(), this.#parts);
    if (this.#entries.length > 0) this.#readOwnAddresses();
  }

  #readOwnAddresses(): void {
    const own = ownAddresses();
    this.#own = new Set(own ?? LOOPBACK_ADDRESSES);
    if (own !== undefined || this.#faults.has(OWN)) return;
    this.#faults.set(OWN, "own addresses cannot be listed");
    this.#parts.log.warning(
      "Cannot list own addresses, so that callers from other ones than loopback are judged as remote: " +
        "allow AF_NETLINK in the filter of system calls (RestrictAddressFamilies=)",
    );
  }

  /** Steps that reread the files. */
  *#reading(): Generator<void> {
    this.#isParsing = true;
    this.#stamps.clear();
    const entries: AccessEntry[] = [];
    yield* this.#parsing(this.#allowFile, "allow", entries);
    yield* this.#parsing(this.#denyFile, "deny", entries);
    this.#entries = entries;
    this.#decisions.clear();
    this.#isParsing = false;
  }

  *#parsing(path: string, whenMatched: Decision, entries: AccessEntry[]): Generator<void> {
    const { daemon, log } = this.#parts;
    const known = this.#texts.get(path);
    const text = this.#fileText(path);
    if (text === undefined) {
      if (whenMatched === "deny") entries.push({ clients: clientsOf(["ALL"]), decision: "deny" });
      return;
    }
    let faults = 0;
    const fault = (line: number, reason: string) => {
      if (text !== known && ++faults <= FAULTS_MAX) log.warning(`${path}:${line}: ${reason}`);
    };
    for (const entry of entriesIn(text, daemon, whenMatched, fault)) {
      if (entry !== undefined) entries.push(entry);
      yield;
    }
    if (faults > FAULTS_MAX) log.warning(`${path}: ${faults - FAULTS_MAX} more lines like these`);
  }

  #patternsIn = (path: string): string | undefined => {
    return this.#stamps.has(path) ? this.#texts.get(path) : this.#fileText(path);
  };

  /** Text of a file, or its last readable text; empty if the file is missing. */
  #fileText(path: string): string | undefined {
    this.#stamps.set(path, stampOf(path));
    try {
      this.#texts.set(path, readText(path) ?? "");
      this.#faults.delete(path);
    } catch (error) {
      this.#tellFault(path, error);
    }
    return this.#texts.get(path);
  }

  #tellFault(path: string, error: unknown): void {
    const effect = this.#texts.has(path)
      ? "the rules that were read from it last stay in force"
      : path === this.#denyFile
      ? "callers that no rule lets in are denied"
      : "none of its rules lets anyone in";
    const fault = `Cannot read ${quote(path)} as uid ${Deno.uid()}: ${reasonOf(error)}; ${effect}`;
    if (this.#faults.get(path) === fault) return;
    this.#faults.set(path, fault);
    const remedy = error instanceof Deno.errors.PermissionDenied
      ? `. It has to be readable by all: chmod a+r ${path}`
      : "";
    this.#parts.log.warning(fault + remedy);
  }
}

/** Party of an address in the look-up limits. */
function partyOf(address: string): string {
  return address.includes(":") ? sourceNetwork(address) : address.replace(/\d+$/, "0/24");
}

/** Log line about a denied caller. */
export function denialOf(address: string): string {
  return `connect from ${quote(address)} denied: request from unauthorized host`;
}
