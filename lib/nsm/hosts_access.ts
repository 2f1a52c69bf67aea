/**
 * Access rules of /etc/hosts.allow and /etc/hosts.deny. A caller is allowed if a rule of the first
 * file matches, else denied if a rule of the second file matches, else allowed.
 *
 * Client patterns, with keywords in any letter case: `ALL`, `LOCAL`, `KNOWN`, `UNKNOWN`,
 * `PARANOID`, a name or address with `*` and `?`, `.example.net`, `192.0.2.`, `192.0.2.0/24`,
 * `192.0.2.0/255.255.255.0`, `[2001:db8::]/32`, `@netgroup`, `/file/of/patterns`, and lists with
 * `EXCEPT`.
 *
 * Deviations from the TCP wrappers library, each of them stricter:
 *
 * - A call has no user: `user@host` is matched by its host in a rule that denies, never in one that
 *   allows.
 * - An unreadable pattern file, and a prefix length that is no number, match in rules that deny
 *   only.
 *
 * Source: hosts_access(5); Debian's libwrap 7.6.q, by what tcpdmatch(8) prints.
 */

import { addressBytes } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";
import { Given, networkPattern, SPACES, splitAt, textPattern, UNKNOWN } from "./hosts_patterns.ts";

/** Outcome of a matching rule. */
export type Decision = "allow" | "deny";

/** Rule for our daemon. */
export interface AccessEntry {
  readonly clients: List<HostPattern>;
  readonly decision: Decision;
}

/** Name of a client whose name does not resolve back to its address. */
export const PARANOID = "paranoid";

/** Caller to be judged. */
export interface Client {
  readonly address: string;
  /**
   * Name from a reverse look-up, confirmed by a forward one; {@link UNKNOWN} or {@link PARANOID} if
   * there is none; undefined before the look-up.
   */
  readonly name: string | undefined;
  /** Netgroup memberships found so far, by group name. */
  readonly netgroups?: ReadonlyMap<string, boolean>;
}

/** Reads a pattern file: empty if the file is missing, undefined if it cannot be read. */
export type ReadPatterns = (path: string) => string | undefined;

/** Look-up that a decision needs first. */
export type Need = { readonly need: "name" } | {
  readonly need: "netgroup";
  readonly group: string;
};

/** Thrown when a decision needs a look-up first. */
class Needed extends Error {
  constructor(readonly what: Need) {
    super(what.need);
  }
}

/** Decides by the first rule that matches; allows if none does. */
export function decideAccess(
  entries: readonly AccessEntry[],
  client: Client,
  readPatterns: ReadPatterns,
): Decision | Need {
  const address = withoutScope(client.address);
  const host: Host = {
    address: new Given(address),
    bytes: addressBytes(address),
    name: client.name === undefined ? undefined : new Given(client.name),
    netgroups: client.netgroups,
    readPatterns,
  };
  try {
    const entry = entries.find(({ clients, decision }) =>
      matchesList(clients, decision === "deny", (matches, whenUnsure) => matches(host, whenUnsure))
    );
    return entry?.decision ?? "allow";
  } catch (error) {
    if (error instanceof Needed) return error.what;
    throw error;
  }
}

/** List with EXCEPT: `a b EXCEPT c EXCEPT d` means `a b EXCEPT (c EXCEPT d)`. */
export interface List<T> {
  readonly included: readonly T[];
  readonly except: List<T> | undefined;
}

/** Parses the words of a list; `read` parses one word. */
export function listOf<T>(words: readonly string[], read: (word: string) => T): List<T> {
  const except = words.findIndex((word) => word.toUpperCase() === "EXCEPT");
  return except < 0 ? { included: words.map(read), except: undefined } : {
    included: words.slice(0, except).map(read),
    except: listOf(words.slice(except + 1), read),
  };
}

/**
 * Whether a list matches. `whenUnsure` is the result of a pattern that cannot be judged, chosen so
 * that the list denies. It is inverted after each EXCEPT.
 */
export function matchesList<T>(
  { included, except }: List<T>,
  whenUnsure: boolean,
  matches: (pattern: T, whenUnsure: boolean) => boolean,
): boolean {
  if (!included.some((pattern) => matches(pattern, whenUnsure))) return false;
  return except === undefined || !matchesList(except, !whenUnsure, matches);
}

/** Parses a list of clients. */
export function clientsOf(words: readonly string[]): List<HostPattern> {
  return listOf(words, (pattern) => {
    const [, behind] = splitAt("@", pattern, 1);
    if (behind === undefined) return hostPattern(pattern);
    const matches = hostPattern(behind);
    return (host, whenUnsure) => whenUnsure && matches(host, whenUnsure);
  });
}

/** Client in the forms that patterns are compared with. */
interface Host {
  readonly address: Given;
  /** Bytes of {@link address}. */
  readonly bytes: readonly number[] | undefined;
  readonly name: Given | undefined;
  readonly netgroups: Client["netgroups"] | undefined;
  readonly readPatterns: ReadPatterns;
}

/**
 * Pattern of clients. `files` are pattern files being evaluated, since files may name each other.
 */
type HostPattern = (host: Host, whenUnsure: boolean, files?: Set<string>) => boolean;

function hostPattern(pattern: string): HostPattern {
  if (pattern.startsWith("@")) return (host) => isInNetgroup(pattern.slice(1), host);
  if (pattern.startsWith("/")) return filePattern(pattern);
  const keyword = pattern.toUpperCase();
  if (keyword === "KNOWN") return (host) => isKnown(nameOf(host));
  if (keyword === "LOCAL") {
    return (host) => isKnown(nameOf(host)) && !nameOf(host).text.includes(".");
  }
  const [network, mask] = splitAt("/", pattern);
  if (mask !== undefined) {
    const isInNetwork = networkPattern(network, mask);
    return ({ bytes }, whenUnsure) => isInNetwork(bytes, whenUnsure);
  }
  const matches = textPattern(pattern);
  if (!/[^0-9./]/.test(pattern)) return ({ address }, whenUnsure) => matches(address, whenUnsure);
  return (host, whenUnsure) => matches(host.address, whenUnsure) || matches(nameOf(host), false);
}

/** Patterns of a file, parsed again when its text has changed. */
function filePattern(path: string): HostPattern {
  let [known, patterns]: [string | undefined, HostPattern[]] = [undefined, []];
  return (host, whenUnsure, files = new Set()) => {
    if (files.has(path)) return false;
    files.add(path);
    const text = host.readPatterns(path);
    if (text === undefined) return whenUnsure;
    if (text !== known) [known, patterns] = [text, patternsOf(text).map(hostPattern)];
    return patterns.some((matches) => matches(host, whenUnsure, files));
  };
}

/** Patterns in a file, split as by scanf("%s"); a zero byte ends a pattern. */
function patternsOf(text: string): string[] {
  return text.split(SPACES).map((word) => word.split("\0", 1)[0]!).filter((word) => word !== "");
}

function nameOf({ name }: Host): Given {
  if (name === undefined) throw new Needed({ need: "name" });
  return name;
}

function isKnown({ text }: Given): boolean {
  return text !== UNKNOWN && text !== PARANOID;
}

function isInNetgroup(group: string, host: Host): boolean {
  nameOf(host);
  const isMember = host.netgroups?.get(group);
  if (isMember === undefined) throw new Needed({ need: "netgroup", group });
  return isMember;
}
