/**
 * Patterns of hosts.allow and hosts.deny for addresses, networks and names. They are parsed when
 * their file is read, since each decision evaluates all patterns, and remote hosts determine the
 * number of decisions.
 *
 * Source: hosts_access(5); Debian's libwrap 7.6.q, by the output of tcpdmatch(8).
 */

import { addressBytes, isLinkLocal } from "../rpc/address.ts";

/** White space of isspace(3). */
export const SPACES = /[\t-\r ]+/;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

/** Name of a client without a name. */
export const UNKNOWN = "unknown";

/** Text of a client or daemon, in the forms that patterns are compared with. */
export class Given {
  readonly lower: string;
  #ipv6: string | undefined;

  constructor(readonly text: string) {
    this.lower = lower(text);
  }

  /** Bytes of an IPv6 address; empty for other text. */
  get ipv6(): string {
    return this.#ipv6 ??= this.lower.includes(":") ? addressBytes(this.lower)?.join() ?? "" : "";
  }
}

/** Whether a text matches a pattern; `whenUnsure` if that cannot be judged. */
export type TextPattern = (given: Given, whenUnsure: boolean) => boolean;

/** Parses a pattern for texts, which are compared without regard to letter case. */
export function textPattern(pattern: string): TextPattern {
  const wanted = lower(pattern);
  if (/[*?]/.test(wanted)) return (given) => matchesWildcards(wanted, given.lower);
  if (wanted.startsWith(".")) {
    return (given) => given.lower.length > wanted.length && given.lower.endsWith(wanted);
  }
  if (wanted === "all") return () => true;
  if (wanted === "known") return (given) => given.text !== UNKNOWN;
  if (wanted.endsWith(".")) return (given) => given.lower.startsWith(wanted);
  if (!wanted.startsWith("[")) return (given) => given.lower === wanted;
  const address = ipv6In(wanted);
  if (address === undefined) return () => false;
  const bytes = address.bytes.join();
  return (given, whenUnsure) => given.ipv6 === bytes && (address.isSure || whenUnsure);
}

/** Whether an address is in a network; `whenUnsure` if that cannot be judged. */
export type NetworkPattern = (
  address: readonly number[] | undefined,
  whenUnsure: boolean,
) => boolean;

/** Parses `network/bits` or `network/mask`, like the library. */
export function networkPattern(network: string, mask: string): NetworkPattern {
  const bits = Number(/^[\t-\r ]*([+-]?\d+)/.exec(mask)?.[1] ?? NaN);
  return network.startsWith("[") ? ipv6Network(network, bits) : ipv4Network(network, mask, bits);
}

function ipv4Network(network: string, mask: string, bits: number): NetworkPattern {
  const wanted = dotQuad(network);
  const masked = dotQuad(mask) ?? (bits >= 1 && bits <= 32 ? maskOf(bits, IPV4_BYTES) : undefined);
  if (wanted === undefined || masked === undefined) return () => false;
  return (address) => {
    if (address?.length !== IPV4_BYTES || address.every((byte) => byte === 255)) return false;
    // The network is not masked: with bits outside of the mask it has no address.
    return address.every((byte, i) => (byte & masked[i]!) === wanted[i]);
  };
}

function ipv6Network(network: string, bits: number): NetworkPattern {
  const wanted = ipv6In(network);
  if (wanted === undefined || bits < 0 || bits > 128) return () => false;
  const masked = maskOf(bits, IPV6_BYTES);
  return (address, whenUnsure) => {
    if (address?.length !== IPV6_BYTES || !wanted.isSure && !whenUnsure) return false;
    if (Number.isNaN(bits)) return whenUnsure;
    return address.every((byte, i) => ((byte ^ wanted.bytes[i]!) & masked[i]!) === 0);
  };
}

function maskOf(bits: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => maskByte(bits - 8 * i));
}

/** Byte whose first `bits` bits are set; all for 8 and above, none for 0 and below. */
export function maskByte(bits: number): number {
  return 0xff << (8 - Math.max(0, Math.min(8, bits))) & 0xff;
}

/**
 * Address in the forms of inet_addr(3), which stops at white space. Of fewer than four numbers, the
 * last one fills the remaining bytes. 255.255.255.255 is refused, since inet_addr(3) returns it on
 * failure.
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
 * The 16 bytes of an IPv6 address in brackets, as read by getaddrinfo(3). The scope is ignored, but
 * must be a number or, for a link-local address, an interface. `isSure` is false for an interface,
 * which is not looked up.
 */
function ipv6In(text: string): { bytes: readonly number[]; isSure: boolean } | undefined {
  const [, address, scope] = /^\[([^%]*)(?:%(.*))?\]$/s.exec(text) ?? [];
  const bytes = address === undefined ? undefined : addressBytes(address);
  if (bytes?.length !== IPV6_BYTES) return undefined;
  const isSure = scope === undefined || /^\d+$/.test(scope) && Number(scope) < 2 ** 32;
  return isSure || isLinkLocal(address!) ? { bytes, isSure } : undefined;
}

/**
 * Splits a text at the first delimiter outside of brackets, searching from an offset. Outside of
 * brackets means behind as many `[` as `]`.
 */
export function splitAt(
  delimiter: string,
  text: string,
  from = 0,
): [before: string, behind: string | undefined] {
  if (!/[[\]]/.test(text)) {
    const at = text.indexOf(delimiter, from);
    return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  }
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if (text[i] === "[") depth++;
    else if (text[i] === "]") depth--;
    else if (depth === 0 && text[i] === delimiter) return [text.slice(0, i), text.slice(i + 1)];
  }
  return [text, undefined];
}

/** Lower case for ASCII only, like the C library in a daemon. */
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
  return /^\*?$/.test(wanted.slice(at)); // all but the first of several * match at least one character
}
