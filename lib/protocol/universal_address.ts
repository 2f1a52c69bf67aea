/**
 * Universal addresses and netids: an address and port as one text, `192.0.2.1.2.150` or
 * `2001:db8::1.2.150`. The last two parts are the high and the low byte of the port.
 *
 * Source: RFC 5665 section 5.2.3.3 and 5.2.3.4; RFC 1833 section 2.1 (r_netid, r_addr).
 */

import { type Endpoint, type Netid, withoutScope } from "../rpc/transport.ts";

/** Renders an address and port; a link-local scope is left out, as it means nothing elsewhere. */
export function toUniversalAddress({ address, port }: Endpoint): string {
  return `${withoutScope(address)}.${port >> 8}.${port & 0xff}`;
}

/** Reads a universal address; nothing if it is not one. The host part is not judged further. */
export function fromUniversalAddress(text: string): Endpoint | undefined {
  const parts = /^(.+)\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (parts === null) return undefined;
  const [high, low] = [Number(parts[2]), Number(parts[3])];
  if (high > 255 || low > 255) return undefined;
  return { address: parts[1]!, port: high << 8 | low };
}

/** Whether an address is written as IPv6. */
export function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** The netid of a transport for the family of an address. */
export function netidFor(transport: "udp" | "tcp", address: string): Netid {
  return isIpv6(address) ? `${transport}6` : transport;
}
