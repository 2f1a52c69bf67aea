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

import { addressBytes, isLinkLocal } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";

/** Runs of what isspace(3) has for white space. */
const SPACES = /[\t-\r ]+/;
const IPV4_BYTES = 4;

/** What a rule says of those that match it. */
export type Decision = "allow" | "deny";

/** Rule for our daemon. */
export interface AccessEntry {
  readonly clients: readonly string[];
  readonly decision: Decision;
}

/** Name of a client without a name, and of one whose name does not resolve back to its address. */
export const UNKNOWN = "unknown";
export const PARANOID = "paranoid";

/** Caller to be judged. */
export interface Client {
  readonly address: string;
  /**
   * Name from a reverse look-up, confirmed by a forward one; {@link UNKNOWN} or {@link PARANOID}
   * where there is none; undefined before the look-up.
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
  const host = { ...client, address: withoutScope(client.address), readPatterns };
  try {
    const entry = entries.find(({ clients, decision }) =>
      matchesList(clients, decision === "deny", (pattern, whenUnsure) => {
        const [, behind] = splitAt("@", pattern, 1);
        if (behind === undefined) return matchesHost(pattern, host, whenUnsure);
        return whenUnsure && matchesHost(behind, host, whenUnsure);
      })
    );
    return entry?.decision ?? "allow";
  } catch (error) {
    if (error instanceof Needed) return error.what;
    throw error;
  }
}

/**
 * Whether a list matches; `a b EXCEPT c EXCEPT d` means `a b EXCEPT (c EXCEPT d)`. `whenUnsure` is
 * the result for a pattern that cannot be judged, chosen so that the list denies; EXCEPT inverts
 * it.
 */
export function matchesList(
  list: readonly string[],
  whenUnsure: boolean,
  matches: (pattern: string, whenUnsure: boolean) => boolean,
): boolean {
  const except = list.findIndex((word) => word.toUpperCase() === "EXCEPT");
  const included = except < 0 ? list : list.slice(0, except);
  if (!included.some((pattern) => matches(pattern, whenUnsure))) return false;
  return except < 0 || !matchesList(list.slice(except + 1), !whenUnsure, matches);
}

/** Splits a text at the first delimiter from a position on. Delimiters within brackets do not count. */
export function splitAt(
  delimiter: string,
  text: string,
  from = 0,
): [before: string, behind: string | undefined] {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if (text[i] === "[") depth++;
    else if (text[i] === "]") depth--;
    else if (depth === 0 && text[i] === delimiter) return [text.slice(0, i), text.slice(i + 1)];
  }
  return [text, undefined];
}

interface Host extends Client {
  readonly readPatterns: ReadPatterns;
}

/** `files` are the pattern files visited already, since they may refer to each other. */
function matchesHost(
  pattern: string,
  host: Host,
  whenUnsure: boolean,
  files = new Set<string>(),
): boolean {
  if (pattern.startsWith("@")) return isInNetgroup(pattern.slice(1), host);
  if (pattern.startsWith("/")) {
    if (files.has(pattern)) return false;
    files.add(pattern);
    const text = host.readPatterns(pattern);
    if (text === undefined) return whenUnsure;
    return patternsOf(text).some((one) => matchesHost(one, host, whenUnsure, files));
  }
  const keyword = pattern.toUpperCase();
  if (keyword === "KNOWN") return isKnown(nameOf(host));
  if (keyword === "LOCAL") return isKnown(nameOf(host)) && !nameOf(host).includes(".");
  const [network, mask] = splitAt("/", pattern);
  if (mask !== undefined) return isInNetwork(host.address, network, mask, whenUnsure);
  if (matchesText(pattern, host.address, whenUnsure)) return true;
  return /[^0-9./]/.test(pattern) && matchesText(pattern, nameOf(host));
}

/** Patterns in a file as scanf("%s") takes them, of which a zero byte is the end. */
function patternsOf(text: string): string[] {
  return text.split(SPACES).map((word) => word.split("\0", 1)[0]!).filter((word) => word !== "");
}

function nameOf({ name }: Host): string {
  if (name === undefined) throw new Needed({ need: "name" });
  return name;
}

function isKnown(name: string): boolean {
  return name !== UNKNOWN && name !== PARANOID;
}

function isInNetgroup(group: string, host: Host): boolean {
  nameOf(host);
  const isMember = host.netgroups?.get(group);
  if (isMember === undefined) throw new Needed({ need: "netgroup", group });
  return isMember;
}

/** Whether an address is in `network/bits` or `network/mask`, parsed as the library does. */
function isInNetwork(
  address: string,
  network: string,
  mask: string,
  whenUnsure: boolean,
): boolean {
  const ours = addressBytes(address);
  if (ours === undefined) return false;
  const bits = Number(/^[\t-\r ]*([+-]?\d+)/.exec(mask)?.[1] ?? NaN);
  if (ours.length === 4) {
    if (ours.every((byte) => byte === 255)) return false;
    const net = dotQuad(network);
    const bytes = dotQuad(mask) ??
      (bits >= 1 && bits <= 32 ? ours.map((_, i) => maskByte(bits - 8 * i)) : undefined);
    // The network is compared unmasked: host bits set in it match nobody.
    return net !== undefined && bytes !== undefined &&
      ours.every((byte, i) => (byte & bytes[i]!) === net[i]);
  }
  const net = ipv6Bytes(network, whenUnsure);
  if (net === undefined) return false;
  if (Number.isNaN(bits)) return whenUnsure;
  if (bits < 0 || bits > 128) return false;
  return ours.every((byte, i) => ((byte ^ net[i]!) & maskByte(bits - 8 * i)) === 0);
}

/** Byte with its first `bits` bits set; clamped to 0 and 8. */
export function maskByte(bits: number): number {
  return 0xff << (8 - Math.max(0, Math.min(8, bits))) & 0xff;
}

/**
 * Four numbers that inet_addr(3) can read. White space is the end for it, and before that there may be
 * fewer than four, of which the last has the bytes that are left. Not 255.255.255.255, its failure.
 */
function dotQuad(text: string): number[] | undefined {
  if (text.split(".").filter((run) => run !== "").length !== IPV4_BYTES) return undefined;
  const parts = text.split(SPACES, 1)[0]!.split(".");
  const isNumber = (part: string) => /^(?:0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(part);
  if (parts.length > IPV4_BYTES || !parts.every(isNumber)) return undefined;
  const bytes = parts.map((part) => Number(/^0[0-7]+$/.test(part) ? `0o${part}` : part));
  const last = bytes.pop()!;
  const left = IPV4_BYTES - bytes.length;
  if (bytes.some((byte) => byte > 255) || last >= 256 ** left) return undefined;
  for (let i = left - 1; i >= 0; i--) bytes.push(Math.floor(last / 256 ** i) % 256);
  return bytes.every((byte) => byte === 255) ? undefined : bytes;
}

/**
 * The 16 bytes of an IPv6 address in brackets, as getaddrinfo(3) reads it. Its scope does not count, but
 * has to be a number, or an interface of this host for a link-local address: who knows whether it is.
 */
function ipv6Bytes(text: string, whenUnsure: boolean): number[] | undefined {
  const [, address, scope] = /^\[([^%]*)(?:%(.*))?\]$/s.exec(text) ?? [];
  const bytes = address === undefined ? undefined : addressBytes(address);
  if (bytes?.length !== 16) return undefined;
  if (scope === undefined || /^\d+$/.test(scope) && Number(scope) < 2 ** 32) return bytes;
  return isLinkLocal(address!) && whenUnsure ? bytes : undefined;
}

/** Whether a text of a client or daemon is what a pattern describes, without regard to letter case. */
export function matchesText(pattern: string, text: string, whenUnsure = false): boolean {
  const [wanted, given] = [lower(pattern), lower(text)];
  if (/[*?]/.test(wanted)) return matchesWildcards(wanted, given);
  if (wanted.startsWith(".")) return given.length > wanted.length && given.endsWith(wanted);
  if (wanted === "all") return true;
  if (wanted === "known") return text !== UNKNOWN;
  if (wanted.endsWith(".")) return given.startsWith(wanted);
  if (!wanted.startsWith("[")) return wanted === given;
  const ours = given.includes(":") ? addressBytes(given) : undefined;
  return ours !== undefined && ipv6Bytes(wanted, whenUnsure)?.join() === ours.join();
}

/** Lower-cases ASCII only, as the C locale of a daemon does. */
function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function matchesWildcards(wanted: string, given: string): boolean {
  let [at, from] = [0, 0];
  let [star, starFrom] = [-1, 0];
  while (from < given.length) {
    if (wanted[at] === "*") [star, starFrom, at] = [at, from, at + 1];
    else if (wanted[at] === "?" || wanted[at] === given[from]) [at, from] = [at + 1, from + 1];
    else if (star >= 0) [at, from, starFrom] = [star + 1, starFrom + 1, starFrom + 1];
    else return false;
  }
  return /^\*?$/.test(wanted.slice(at)); // of several * the last ones want a character
}
