/**
 * Numeric addresses as text: their canonical spelling, and their classes.
 *
 * Source: RFC 4291 section 2.2 (the forms of IPv6), RFC 5952 section 4 (the canonical form), RFC
 * 4007 section 11 (`%scope`).
 */

import { type Netid, withoutScope } from "./transport.ts";

/** Addresses of the loopback interface that local programs call. */
export const LOOPBACK_ADDRESSES = ["127.0.0.1", "::1"];

/** Highest port number. */
export const PORT_MAX = 65_535;

const QUAD = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const GROUP = /^[0-9a-f]{1,4}$/;
/** Interface name or number: at most 15 bytes, without blank or slash. */
const SCOPE = /^[!-$&-.0-~]{1,15}$/;

const DIGIT_0 = 0x30;
const DOT = 0x2e;
const GROUPS = 8;
/** Longest text of an IPv6 address without scope; longer text is rejected at once. */
const IPV6_MAX_CHARACTERS = 45;

/**
 * Canonical spelling of a numeric address: dotted decimal for IPv4 and for mapped addresses
 * (`::ffff:192.0.2.1`), otherwise RFC 5952 text; a scope is kept. Undefined for other text.
 *
 * IPv4 addresses are only four decimal numbers without leading zeros. Other forms of inet_aton(3),
 * such as `127.2`, `0x7f000001` or `010.0.0.1`, are rejected: programs disagree about their
 * meaning.
 */
export function normaliseAddress(text: string): string | undefined {
  if (!isIpv6(text)) return QUAD.test(text) ? text : undefined;
  const address = withoutScope(text);
  const scope = text.slice(address.length);
  if (scope !== "" && !SCOPE.test(scope.slice(1))) return undefined;
  const groups = groupsOf(address);
  if (groups === undefined) return undefined;
  if (!isMapped(groups)) return rfc5952(groups) + scope;
  // A scope belongs to a link; IPv4 addresses have none.
  return scope === "" ? dotted(groups) : undefined;
}

/** Whether an address is written as IPv6. */
export function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** Netid of a transport for the family of an address. */
export function netidFor(transport: "udp" | "tcp", address: string): Netid {
  return isIpv6(address) ? `${transport}6` : transport;
}

/** Whether an address is in 127.0.0.0/8 or is ::1, in any spelling. */
export function isLoopback(address: string): boolean {
  if (address === "127.0.0.1" || address === "::1") return true;
  const normal = normaliseAddress(address);
  if (normal === undefined) return false;
  return normal.startsWith("127.") || withoutScope(normal) === "::1";
}

/** Whether an address is in fe80::/10, and so needs an interface. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}

/**
 * Network of a source, for rate limits: an IPv4 address, or the /64 of an IPv6 address, with its
 * scope. One customer of a network provider controls a whole /64.
 *
 * Source: RFC 4291 section 2.5.4.
 */
export function sourceNetwork(address: string): string {
  const unscoped = withoutScope(address);
  const groups = isIpv6(address) ? groupsOf(unscoped) : undefined;
  if (groups === undefined) return address;
  return `${rfc5952([...groups.slice(0, 4), 0, 0, 0, 0])}${address.slice(unscoped.length)}/64`;
}

/** Bytes (4 or 16) of an address, without its scope; undefined for other text. */
export function addressBytes(text: string): number[] | undefined {
  const address = normaliseAddress(text);
  if (address === undefined) return undefined;
  if (!isIpv6(address)) return address.split(".").map(Number);
  return groupsOf(withoutScope(address))?.flatMap((group) => [group >> 8, group & 0xff]);
}

/** Writes the 4 bytes of a normalised IPv4 address; false for other text. */
export function putDotted(text: string, bytes: Uint8Array, at: number): boolean {
  let end = at;
  let value = 0;
  let digits = 0;
  for (let i = 0; i <= text.length; i++) {
    const digit = text.charCodeAt(i) - DIGIT_0;
    if (digit >= 0 && digit <= 9 && (digits === 0 || value > 0)) {
      value = 10 * value + digit;
      digits++;
    } else if ((i === text.length || digit === DOT - DIGIT_0) && digits > 0 && value <= 0xff) {
      if (end === at + 4) return false;
      bytes[end++] = value;
      value = 0;
      digits = 0;
    } else return false;
  }
  return end === at + 4;
}

/** Eight 16-bit groups of an IPv6 address; undefined for other text. */
function groupsOf(text: string): number[] | undefined {
  if (text.length > IPV6_MAX_CHARACTERS) return undefined;
  const halves = text.toLowerCase().split("::");
  if (halves.length > 2) return undefined;
  const head = wordsOf(halves[0]!, halves.length === 1);
  if (halves.length === 1) return head?.length === GROUPS ? head : undefined;
  const tail = wordsOf(halves[1]!, true);
  if (head === undefined || tail === undefined) return undefined;
  // "::" stands for at least one group of zeros.
  const zeros = GROUPS - head.length - tail.length;
  return zeros < 1 ? undefined : [...head, ...new Array<number>(zeros).fill(0), ...tail];
}

/** Groups between colons; the last one may be dotted decimal at the end of the address. */
function wordsOf(text: string, endsAddress: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const last = parts.at(-1)!;
  const words: number[] = [];
  if (endsAddress && last.includes(".")) {
    if (!QUAD.test(last)) return undefined;
    parts.pop();
    const [a, b, c, d] = last.split(".").map(Number) as [number, number, number, number];
    words.push(a << 8 | b, c << 8 | d);
  }
  if (!parts.every((part) => GROUP.test(part))) return undefined;
  return [...parts.map((part) => parseInt(part, 16)), ...words];
}

/** ::ffff:0:0/96 */
function isMapped(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

function dotted(groups: readonly number[]): string {
  return groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]).join(".");
}

/** Lower case, no leading zeros, and `::` for the first of the longest runs of two zeros or more. */
function rfc5952(groups: readonly number[]): string {
  let [start, length] = [0, 0];
  for (let at = 0; at < GROUPS; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > length) [start, length] = [at, end - at];
    at = Math.max(at, end);
  }
  const hex = (from: number, to: number) =>
    groups.slice(from, to).map((group) => group.toString(16)).join(":");
  return length < 2 ? hex(0, GROUPS) : `${hex(0, start)}::${hex(start + length, GROUPS)}`;
}
