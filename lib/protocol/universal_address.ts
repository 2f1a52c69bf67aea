/**
 * Universal addresses: an address and port in one text, `192.0.2.1.2.150` or `2001:db8::1.2.150`.
 * The last two parts are the high and the low byte of the port.
 *
 * Source: RFC 5665 section 5.2.3.3 and 5.2.3.4; RFC 1833 section 2.1 (r_netid, r_addr).
 */

import { type Endpoint, withoutScope } from "../rpc/transport.ts";

/** Formats an address and port, without a scope, which has no meaning on other hosts. */
export function toUniversalAddress({ address, port }: Endpoint): string {
  return `${withoutScope(address)}.${port >> 8}.${port & 0xff}`;
}

/** Parses a universal address; undefined for other text. The host part is not validated. */
export function fromUniversalAddress(text: string): Endpoint | undefined {
  const lowDot = text.lastIndexOf(".");
  const highDot = text.lastIndexOf(".", lowDot - 1);
  if (highDot < 1) return undefined;
  const high = byteOf(text.slice(highDot + 1, lowDot));
  const low = byteOf(text.slice(lowDot + 1));
  if (high === undefined || low === undefined) return undefined;
  return { address: text.slice(0, highDot), port: high << 8 | low };
}

/** Value of up to three decimal digits; undefined above 255. */
function byteOf(digits: string): number | undefined {
  if (digits.length < 1 || digits.length > 3) return undefined;
  let value = 0;
  for (const digit of digits) {
    if (digit < "0" || digit > "9") return undefined;
    value = 10 * value + Number(digit);
  }
  return value <= 255 ? value : undefined;
}
