/**
 * Conversion between universal addresses and Linux' struct sockaddr, for UADDR2TADDR and
 * TADDR2UADDR.
 *
 * Source: RFC 1833 section 2.2.1; RFC 5665 section 5.2.3; sockaddr(3type), unix(7).
 */

import { AF_INET, AF_INET6, AF_UNIX } from "../platform/c_numbers.ts";
import type { Netbuf } from "../protocol/rpcbind.ts";
import { fromUniversalAddress, toUniversalAddress } from "../protocol/universal_address.ts";
import { addressBytes, normaliseAddress } from "../rpc/address.ts";
import type { Transport } from "./netconfig.ts";

const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
const SOCKADDR_UN_BYTES = 110;
/** Offset of the address in struct sockaddr_in, sockaddr_in6 and sockaddr_un. */
const IN_ADDRESS_AT = 4;
const IN6_ADDRESS_AT = 8;
const PATH_AT = 2;

/** Result for an invalid address. */
const NO_ADDRESS: Netbuf = { maxlen: 0, buf: new Uint8Array(0) };

/** Encodes a universal address; empty if it is invalid for the transport. */
export function toTransportAddress(text: string, { family }: Transport): Netbuf {
  if (family === "loopback") return toSocketPath(text);
  const endpoint = fromUniversalAddress(text);
  const address = endpoint && numericAddress(endpoint.address, family);
  if (address === undefined) return NO_ADDRESS;
  const isIpv4 = family === "inet";
  const buf = new Uint8Array(isIpv4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  buf[0] = isIpv4 ? AF_INET : AF_INET6; // sa_family is in host byte order
  buf[2] = endpoint!.port >> 8;
  buf[3] = endpoint!.port;
  buf.set(address, isIpv4 ? IN_ADDRESS_AT : IN6_ADDRESS_AT);
  return { maxlen: buf.length, buf };
}

/** Decodes a struct sockaddr; empty if it is invalid for the transport. */
export function fromTransportAddress({ buf }: Netbuf, { family }: Transport): string {
  const port = (buf[2] ?? 0) << 8 | (buf[3] ?? 0);
  const familyNumber = (buf[0] ?? 0) | (buf[1] ?? 0) << 8;
  if (family === "loopback") {
    if (familyNumber !== AF_UNIX) return "";
    const path = buf.subarray(PATH_AT);
    const end = path.indexOf(0);
    return String.fromCharCode(...(end < 0 ? path : path.subarray(0, end)));
  }
  if (family === "inet") {
    if (familyNumber !== AF_INET || buf.length < SOCKADDR_IN_BYTES) return "";
    const address = buf.subarray(IN_ADDRESS_AT, IN_ADDRESS_AT + 4).join(".");
    return toUniversalAddress({ address, port });
  }
  if (familyNumber !== AF_INET6 || buf.length < SOCKADDR_IN6_BYTES) return "";
  const groups = Array.from({ length: 8 }, (_, i) => {
    const at = IN6_ADDRESS_AT + 2 * i;
    return (buf[at]! << 8 | buf[at + 1]!).toString(16);
  });
  const address = normaliseAddress(groups.join(":"))!;
  return toUniversalAddress({
    address: address.includes(":") ? address : `::ffff:${address}`,
    port,
  });
}

/** A path, or the text before the last two numbers, as in libtirpc. */
function toSocketPath(text: string): Netbuf {
  const path = text.startsWith("/") ? text : /^(.*)\.[^.]*\.[^.]*$/s.exec(text)?.[1];
  if (path === undefined) return NO_ADDRESS;
  const bytes = Uint8Array.from(path, (character) => character.charCodeAt(0));
  const buf = new Uint8Array(PATH_AT + Math.min(bytes.length, SOCKADDR_UN_BYTES - PATH_AT - 1));
  buf[0] = AF_UNIX;
  buf.set(bytes.subarray(0, buf.length - PATH_AT), PATH_AT);
  return { maxlen: SOCKADDR_UN_BYTES, buf };
}

/** Bytes of an address of a family. */
function numericAddress(text: string, family: "inet" | "inet6"): number[] | undefined {
  if (text.includes(":") !== (family === "inet6")) return undefined;
  const bytes = addressBytes(text);
  if (bytes === undefined || family === "inet" || bytes.length > 4) return bytes;
  return [...new Array<number>(10).fill(0), 0xff, 0xff, ...bytes]; // mapped address
}
